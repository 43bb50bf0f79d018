import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { requestStatus } from '@gatewayworker/supervisor';
import {
  type Cluster,
  endDaemon,
  eventually,
  repositoryRoot,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { npmEnvironment } from './packed-packages.ts';

/** A running example. */
export interface Example {
  readonly cluster: Cluster;
  /** Path of its pid file. */
  readonly pidFile: string;
  /** Ends its processes and removes its folder; for `onTestFinished`. */
  dispose(): Promise<void>;
}

type Environment = Readonly<Record<string, string>>;

/**
 * Path of a TypeScript file of an example, or of the root, as JavaScript. `test/build.ts` compiles them, because a
 * process with tsx takes three times as long to start.
 */
export function compiled(file: string): string {
  return join(repositoryRoot, 'dist', file.replace(/\.ts$/, '.js'));
}

/**
 * Starts a start file of the repository in its compiled form.
 *
 * @param file - such as `examples/chat/start.ts`
 * @throws with its output, when it does not become ready
 */
export async function startExample(file: string, env: Environment): Promise<Example> {
  const folder = await temporaryFolder('example');
  // The pid file is created beside this link: the example may be running on this machine.
  const link = join(folder.path, 'start.js');
  await symlink(compiled(file), link);
  const cluster = await startCluster({ file: link, env }).catch(async (error: unknown) => {
    await folder.dispose();
    throw error;
  });
  return {
    cluster,
    pidFile: join(folder.path, 'start.pid'),
    async dispose() {
      await cluster.dispose();
      await folder.dispose();
    },
  };
}

/**
 * Runs `npm start` with the `package.json` and the start file of a folder of the repository, and resolves once all
 * processes are ready, with a function that ends them.
 *
 * @param path - such as `examples/login`
 * @throws with its output, when they do not become ready
 */
export async function npmStart(path: string, env: Environment): Promise<() => Promise<void>> {
  const folder = await temporaryFolder('npm-start');
  for (const name of ['package.json', 'start.ts', 'scripts']) {
    const file = join(repositoryRoot, path, name);
    if (existsSync(file)) await symlink(file, join(folder.path, name));
  }
  const child = spawn('npm', ['start'], {
    cwd: folder.path,
    env: { ...npmEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: a signal to npm alone would not reach the cluster.
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('npm could not be started');
  const ended = once(child, 'close');
  const pidFile = join(folder.path, 'start.pid');
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const dispose = async (): Promise<void> => {
    await endDaemon(pidFile);
    if (child.exitCode === null && child.signalCode === null) process.kill(-pid, 'SIGKILL');
    await ended;
    await folder.dispose();
  };
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null) return true;
    if (!printed.includes('Press Ctrl+C to stop.')) return false;
    const report = await requestStatus(pidFile);
    return report?.processes.every(({ state }) => state !== 'starting') ?? false;
  };
  try {
    await eventually(isReady, { timeoutMs: 120_000 });
    if (child.exitCode !== null) throw new Error('npm start has ended');
  } catch (error) {
    await dispose();
    throw new Error(`npm start is not ready:\n${printed}`, { cause: error });
  }
  return dispose;
}
