import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { childPids, isAlive } from '@gatewayworker/testing';

/** Time for a server to become ready, in milliseconds. */
const READY_MS = 30_000;
/** Time for a server to stop before it is killed, in milliseconds. */
const STOP_MS = 10_000;
/** Output of a server that is kept for an error message, in characters. */
const MAX_OUTPUT_CHARACTERS = 4000;

/** Command line of a server, and how it reports that it is ready. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text that it prints once it is ready. @default it sends a message over its channel */
  readonly readyText?: string;
}

const running = new Set<ServerProcess>();
let isStopping = false;

/** On SIGINT or SIGTERM, stops every server and then this process. */
export function stopServersOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      isStopping = true;
      const ends = [...running].map((server) => server.stop());
      void Promise.allSettled(ends).then(() => process.exit(130));
    });
  }
}

/** A server process with its descendants. */
export class ServerProcess {
  readonly #child: ChildProcess;
  #output = '';

  private constructor(options: ServerCommand) {
    this.#child = spawn(options.command, options.args, {
      env: { ...process.env, NODE_ENV: 'production', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', ...(options.readyText ? [] : ['ipc' as const])],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT_CHARACTERS);
        if (options.readyText && this.#output.includes(options.readyText))
          this.#child.emit('ready');
      });
    }
    this.#child.once('message', () => this.#child.emit('ready'));
    running.add(this);
    this.#child.once('exit', () => running.delete(this));
  }

  /**
   * Starts a server, and resolves once it is ready.
   *
   * @throws with its output, when it ends or is not ready in time
   */
  static async start(options: ServerCommand): Promise<ServerProcess> {
    if (isStopping) throw new Error('the benchmark is stopping');
    const server = new ServerProcess(options);
    try {
      await server.#waitUntilReady();
    } catch (cause) {
      await server.stop();
      const line = [options.command, ...options.args].join(' ');
      throw new Error(`${line} did not become ready:\n${server.#output}`, { cause });
    }
    return server;
  }

  /** Pids of the process and its descendants. */
  get pids(): number[] {
    const pid = this.#child.pid;
    return pid === undefined ? [] : [pid, ...descendants(pid)];
  }

  /** Sends SIGTERM, and kills the processes that still run after `STOP_MS`. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const pids = this.pids;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => {
      for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
    }, STOP_MS);
    await exit;
    clearTimeout(timer);
  }

  async #waitUntilReady(): Promise<void> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), READY_MS);
    const { signal } = abort;
    try {
      await Promise.race([
        once(this.#child, 'ready', { signal }),
        once(this.#child, 'exit', { signal }).then(() => {
          throw new Error('it has ended');
        }),
      ]);
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }
}

function descendants(pid: number): number[] {
  return childPids(pid).flatMap((child) => [child, ...descendants(child)]);
}
