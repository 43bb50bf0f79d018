import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { nodeFlags, repositoryRoot } from './node-flags.ts';

/** Surroundings of a command. */
export interface CommandOptions {
  /** Variables on top of those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default the root of the repository */
  readonly cwd?: string;
  /** The command is killed after this long, and the promise rejects. @default 60_000 */
  readonly timeoutMs?: number;
}

/** What a command left behind. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a start file with a command, such as `['status', '--json']`, to its end.
 *
 * A daemon that `start -d` leaves behind is the caller's to end: `endProcess` with the pid of its pid file.
 *
 * @throws when the command is ended by a signal or by the deadline
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [...nodeFlags(file), file, ...args], {
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
