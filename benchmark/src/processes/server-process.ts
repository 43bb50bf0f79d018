import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { childPids, isAlive } from '@gatewayworker/testing';

/** Time that a server has to become ready. */
const READY_MS = 30_000;
/** Time that a server has to stop by itself. */
const STOP_MS = 10_000;
/** Characters of a server's output that are kept for the error it may end with. */
const KEPT_OUTPUT = 4000;

/** How a server is started, and how it says that it is ready. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it prints once it is ready; without it, it sends a message over its channel. */
  readonly readyText?: string;
}

const running = new Set<ServerProcess>();
let isEnding = false;

/** Ends every server and then this process, when it is told to stop by SIGINT or SIGTERM. */
export function stopServersOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      isEnding = true;
      const ends = [...running].map((server) => server.stop());
      void Promise.allSettled(ends).then(() => process.exit(130));
    });
  }
}

/** A server in a process of its own, with the processes it has started. */
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
        this.#output = (this.#output + text).slice(-KEPT_OUTPUT);
        if (options.readyText && this.#output.includes(options.readyText))
          this.#child.emit('ready');
      });
    }
    this.#child.once('message', () => this.#child.emit('ready'));
    running.add(this);
    this.#child.once('exit', () => running.delete(this));
  }

  /**
   * Starts a server and resolves once it is ready.
   *
   * @throws when it ends or is not ready in time; with its output
   */
  static async start(options: ServerCommand): Promise<ServerProcess> {
    if (isEnding) throw new Error('the benchmark has been told to stop');
    const server = new ServerProcess(options);
    try {
      await server.#untilReady();
    } catch (cause) {
      await server.stop();
      const line = [options.command, ...options.args].join(' ');
      throw new Error(`${line} does not become ready:\n${server.#output}`, { cause });
    }
    return server;
  }

  /** The process and those it has started. */
  get pids(): number[] {
    const pid = this.#child.pid;
    return pid === undefined ? [] : [pid, ...descendants(pid)];
  }

  /** Ends the server: asks it to, and kills what is left after a while. */
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

  async #untilReady(): Promise<void> {
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
