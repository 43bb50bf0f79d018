import cluster from 'node:cluster';
import { connect, type Socket } from 'node:net';
import { type ChildMessage, type MasterMessage, parseMasterMessage } from './child-messages.ts';
import { parseJson } from './json-value.ts';
import { isKept } from './keepers.ts';
import { LineReader } from './line-reader.ts';
import { formatOrphan, type Orphan, orphanDialMs } from './orphan.ts';
import { assertOwnDirectory, controlPath } from './run-directory.ts';

const maxLineCharacters = 65_536;
/** A master that has just come may be busy with its start. */
const answerTimeoutMs = 5_000;

/** What a process hears of its master. */
export interface MasterLinkEvents {
  onMessage(message: MasterMessage): void;
  /** The master is gone: called in the moment in which the process must say whether it goes on. */
  onLost(): void;
  /** Another master has taken the process over. */
  onAdopted(): void;
  /** No master has come in time, and there is nobody who would start one. */
  onForsaken(): void;
}

/** What a process needs to find another master. */
export interface MasterLinkOptions {
  /** Of the master and of the next one; absolute path. */
  readonly pidFile: string;
  /** Time to look for one while there is no keeper either, in milliseconds. */
  readonly orphanMs: number;
  /** How the process introduces itself now. */
  readonly introduce: () => Orphan;
}

/** The way from a process to its master: the channel of the one that has made it, then a connection to the one that has taken it over. */
export class MasterLink {
  readonly #options: MasterLinkOptions;
  readonly #events: MasterLinkEvents;
  /** Of the master that has taken the process over. */
  #socket: Socket | undefined;
  #dialTimer: NodeJS.Timeout | undefined;
  #keeperTimer: NodeJS.Timeout | undefined;
  #forsakenTimer: NodeJS.Timeout | undefined;

  constructor(options: MasterLinkOptions, events: MasterLinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Whether there is a master. */
  get isUp(): boolean {
    return this.#socket !== undefined || process.connected;
  }

  /** Takes what comes over the channel of the master that has made this process. */
  watch(): void {
    process.on('message', (value: unknown) => this.#receive(value));
    // The channel closes when the master is killed. node:cluster ends a worker then and there, which
    // is what keeps orphans away, unless the worker counts as let go: that buys the time to go on or
    // to stop well.
    cluster.worker?.on('disconnect', () => {
      if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
      this.#events.onLost();
    });
  }

  /** Looks for another master. */
  seek(): void {
    const { orphanMs, pidFile } = this.#options;
    this.#forsakenTimer = setTimeout(() => {
      this.end();
      this.#events.onForsaken();
    }, orphanMs);
    // A master that fails to start is tried again by its keeper, with pauses: that may take long, and to
    // stop meanwhile would help nobody.
    this.#keeperTimer = setInterval(async () => {
      if (await isKept(pidFile)) this.#forsakenTimer?.refresh();
    }, orphanMs / 5);
    this.#dial();
  }

  /** Looks no more. */
  end(): void {
    clearTimeout(this.#forsakenTimer);
    clearInterval(this.#keeperTimer);
    this.#forsakenTimer = undefined;
    clearTimeout(this.#dialTimer);
  }

  /** Resolves once the message is on its way, or cannot be because there is no master. */
  send(message: ChildMessage): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      if (socket !== undefined) {
        if (socket.writable) socket.write(`${JSON.stringify(message)}\n`, () => resolve());
        else resolve();
      } else if (process.send !== undefined && process.connected) {
        process.send(message, undefined, undefined, () => resolve());
      } else {
        resolve();
      }
    });
  }

  #dial(): void {
    const path = controlPath(this.#options.pidFile);
    if (!isOwn(path)) {
      this.#dialTimer = setTimeout(() => this.#dial(), orphanDialMs);
      return;
    }
    const socket = connect(path);
    const reader = new LineReader(maxLineCharacters);
    socket.setEncoding('utf8');
    socket.once('connect', () => socket.write(formatOrphan(this.#options.introduce())));
    socket.on('data', (piece: string) => {
      const lines = reader.push(piece);
      if (lines === undefined) socket.destroy();
      else for (const line of lines) this.#receiveFrom(socket, parseJson(line));
    });
    // Nobody listens there yet, or does no more: the close follows.
    socket.on('error', () => {});
    socket.once('close', () => {
      if (this.#socket === socket) {
        this.#socket = undefined;
        this.#events.onLost();
      } else if (this.#forsakenTimer !== undefined) {
        this.#dialTimer = setTimeout(() => this.#dial(), orphanDialMs);
      }
    });
    // Who does not answer is no master that takes processes over.
    setTimeout(() => {
      if (this.#socket !== socket) socket.destroy();
    }, answerTimeoutMs).unref();
  }

  #receiveFrom(socket: Socket, value: unknown): void {
    const isAdopted = parseMasterMessage(value)?.type === 'gatewayworker:adopted';
    if (isAdopted && this.#socket === undefined) {
      this.end();
      this.#socket = socket;
      this.#events.onAdopted();
    } else if (this.#socket === socket) {
      this.#receive(value);
    }
  }

  #receive(value: unknown): void {
    const message = parseMasterMessage(value);
    if (message !== undefined) this.#events.onMessage(message);
  }
}

/** Whether no other user could answer there in the name of a master. */
function isOwn(path: string): boolean {
  try {
    assertOwnDirectory(path);
    return true;
  } catch {
    return false;
  }
}
