import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { nodeFlags, repositoryRoot } from './node-flags.ts';

/** Options of a command. */
export interface CommandOptions {
  /** Flags of Node.js. @default those of `nodeFlags` for the start file */
  readonly flags?: readonly string[];
  /** Environment variables in addition to those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory. @default the root of the repository */
  readonly cwd?: string;
  /** After this time the command is killed and the promise rejects, in milliseconds. @default 60_000 */
  readonly timeoutMs?: number;
}

/** Result of a command. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a start file with a command, such as `['status', '--json']`, to its end.
 *
 * The caller ends a daemon that `start -d` has started: `endDaemon` with its pid file.
 *
 * @throws when a signal or the timeout ends the command
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { flags = nodeFlags(file) } = options;
  const child = spawn(process.execPath, [...flags, file, ...args], {
    cwd: options.cwd ?? repositoryRoot,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === null) reject(new Error(`${args.join(' ')} was ended by ${signal}`));
      else resolve(code);
    });
  });
  const [exitCode, stdout, stderr] = await Promise.all([
    ended,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { exitCode, stdout, stderr };
}
