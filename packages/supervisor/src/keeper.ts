import { type ChildProcess, spawn } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Logger, toError } from '@gatewayworker/core';
import type { KeeperOrder, KeeperWord } from './keeper-order.ts';
import { RestartPolicy } from './restart-policy.ts';

/** What a master tells its keepers. */
export interface KeeperOptions extends Omit<KeeperOrder, 'masterPid' | 'masterLivedMs'> {
  readonly hasOwnGroup: boolean;
  readonly logger: Logger;
}

/** Time that a keeper has for its start or its end, in milliseconds; no less than it gives to a master. */
const stepTimeoutMs = 6_000;

/** The process that starts the master again when that was killed, from the side of the master. */
export class Keeper {
  readonly #options: KeeperOptions;
  readonly #policy = new RestartPolicy();
  #process: ChildProcess | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #isArmed = false;
  #isDismissed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Makes the process; resolves once it watches, or when it takes too long. It is made again when it dies. */
  async start(): Promise<void> {
    const startedAt = performance.now();
    let hasEnded = false;
    const end = (reason: string) => {
      if (hasEnded) return;
      hasEnded = true;
      this.#restart(reason, performance.now() - startedAt);
    };
    try {
      const keeper = this.#spawn();
      this.#process = keeper;
      keeper.once('error', (error) => end(error.message));
      keeper.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
      this.#introduce(keeper);
      if (this.#isArmed) this.#say('armed');
      if (keeper.stdout) await firstOf(keeper.stdout, ['data', 'close']);
    } catch (error) {
      end(toError(error).message);
    }
  }

  /** From now on the master is started again when it is killed. */
  arm(): void {
    this.#isArmed = true;
    this.#say('armed');
  }

  /** The master ends in an orderly way; resolves once the process is gone. */
  async dismiss(): Promise<void> {
    this.#isDismissed = true;
    clearTimeout(this.#restartTimer);
    const keeper = this.#process;
    if (keeper !== undefined) {
      const gone = firstOf(keeper, ['exit', 'error']);
      this.#say('farewell');
      keeper.stdin?.end();
      await gone;
      keeper.kill('SIGKILL');
    }
  }

  #spawn(): ChildProcess {
    const { command, name, hasOwnGroup } = this.#options;
    return spawn(command.file, [...keeperArguments(), name], {
      detached: hasOwnGroup,
      // Options for the program of the application are none for this one.
      env: { ...command.env, NODE_OPTIONS: '' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }

  #introduce(keeper: ChildProcess): void {
    const { logger: _, hasOwnGroup: __, ...order } = this.#options;
    const masterLivedMs = process.uptime() * 1_000;
    const full: KeeperOrder = { ...order, masterPid: process.pid, masterLivedMs };
    // The system may have made neither the process nor its pipes.
    keeper.stdin?.on('error', () => {});
    keeper.stdin?.write(`${JSON.stringify(full)}\n`);
  }

  #say(word: KeeperWord): void {
    this.#process?.stdin?.write(`${word}\n`);
  }

  #restart(reason: string, livedMs: number): void {
    this.#process = undefined;
    if (this.#isDismissed) return;
    const delayMs = this.#policy.nextDelayMs(livedMs);
    const when = delayMs === 0 ? 'at once' : `in ${delayMs} ms`;
    this.#options.logger.warn(`the keeper of the master ended (${reason}); another starts ${when}`);
    this.#restartTimer = setTimeout(() => void this.start(), delayMs);
  }
}

/** A keeper that watches, or starts a master again. */
export interface ForeignKeeper {
  /** Tells it which process is in charge now; resolves once it is gone, with the master that it was starting. */
  yieldTo(pid: number): Promise<void>;
  /** Leaves it alone. */
  close(): void;
}

/** Finds the keeper of a master that runs, or was killed; `undefined` when there is none. */
export function findKeeper(socketPath: string): Promise<ForeignKeeper | undefined> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('close', () => resolve(undefined));
    socket.on('error', () => {});
    // Its end is seen only by who reads.
    socket.resume();
    socket.once('connect', () => {
      resolve({
        yieldTo: (pid) => {
          const gone = firstOf(socket, ['close']);
          socket.write(`yield ${pid}\n`);
          return gone;
        },
        close: () => socket.destroy(),
      });
    });
  });
}

/** From the sources, the keeper runs as the master does; what is built needs nothing but Node.js. */
function keeperArguments(): string[] {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const file = fileURLToPath(new URL(`./keeper-process.${extension}`, import.meta.url));
  return extension === 'ts' ? [...process.execArgv, file] : [file];
}

/** Resolves at the first of some events, or after a while without any. */
function firstOf(emitter: EventEmitter, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, stepTimeoutMs);
    for (const event of events) {
      emitter.once(event, () => {
        clearTimeout(timer);
        resolve();
      });
    }
  });
}
