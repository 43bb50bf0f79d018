import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';

/** `sockaddr_un` holds 108 bytes, of which the last is a zero. */
const maxPathBytes = 107;

/**
 * Answers where the control socket of a cluster stands: beside its pid file, or in the folder for
 * temporary files when that path is longer than a unix socket's may be.
 *
 * @param pidFile - absolute path
 */
export function controlPath(pidFile: string, temporaryFolder: string = tmpdir()): string {
  return socketPath(pidFile, '.sock', temporaryFolder);
}

/**
 * Answers where the socket of the keeper stands, as `controlPath` does.
 *
 * @param pidFile - absolute path
 */
export function keeperPath(pidFile: string, temporaryFolder: string = tmpdir()): string {
  return socketPath(pidFile, '.keeper.sock', temporaryFolder);
}

function socketPath(pidFile: string, extension: string, temporaryFolder: string): string {
  const { dir, name } = parse(pidFile);
  const beside = join(dir, `${name}${extension}`);
  if (Buffer.byteLength(beside) <= maxPathBytes) return beside;
  const digest = createHash('sha256').update(pidFile).digest('hex').slice(0, 32);
  return join(temporaryFolder, `gatewayworker-${digest}${extension}`);
}
