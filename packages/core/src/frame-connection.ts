import type { Socket } from 'node:net';
import {
  type ByteWriter,
  beginFrame,
  Command,
  endFrame,
  FrameDecoder,
  type Message,
  writeMessage,
} from '@gatewayworker/protocol';
import { toError } from './errors.ts';
import type { FlushScheduler } from './flush-scheduler.ts';
import { GatheredSocket } from './gathered-socket.ts';
import { formatHostPort } from './options.ts';

/** Longest frame accepted before the peer has proved itself, in bytes. */
const MAX_HANDSHAKE_FRAME_BYTES = 4096;

/** Unread bytes past which a peer gets no further message. Payloads have limits of their own below it. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

/** Phases of a connection, in order. */
const Phase = { Open: 'open', Closing: 'closing', Closed: 'closed' } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** Called for each frame but those of the heartbeat; the body is `buffer[start, end)`, valid during the call. */
export type LinkFrameHandler = (
  command: number,
  buffer: Buffer,
  start: number,
  end: number,
) => void;

/**
 * One inner link: a TCP socket that carries frames both ways, gathers writes, and notices a peer that
 * no longer answers.
 *
 * A frame that breaks the protocol closes the link with the error as its reason; so does a handler
 * that throws.
 */
export class FrameConnection {
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  /** Sending side of the link. */
  readonly output: GatheredSocket;
  /** Takes each frame; set before the next turn of the event loop. */
  onFrame: LinkFrameHandler = () => undefined;
  /** Called once, when the socket is closed; `reason` is `undefined` when it ended as it should. */
  onClose: (reason: Error | undefined) => void = () => undefined;
  readonly #socket: Socket;
  readonly #decoder: FrameDecoder;
  /** Kept, because a socket that is closed has none any more. */
  #remoteAddress = 'unknown';
  #phase: Phase = Phase.Open;
  #closeReason: Error | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  /** True when nothing came since the last ping. */
  #isSilent = false;
  #lastBeatAt = 0;

  constructor(socket: Socket, scheduler: FlushScheduler) {
    this.#socket = socket;
    this.output = new GatheredSocket(socket, scheduler);
    this.#decoder = new FrameDecoder(
      (command, buffer, start, end) => this.#handleFrame(command, buffer, start, end),
      MAX_HANDSHAKE_FRAME_BYTES,
    );
    this.#rememberPeer();
    socket.once('connect', () => this.#rememberPeer());
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#handleData(chunk));
    // Whoever ends its side is done: a link is of no use one way.
    socket.on('end', () => this.close());
    socket.on('error', (error) => this.#fail(error));
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#handleClosed();
        resolve();
      });
    });
  }

  /** Address of the peer, `host:port`, for logs. */
  get remoteAddress(): string {
    return this.#remoteAddress;
  }

  #rememberPeer(): void {
    const { remoteAddress, remotePort } = this.#socket;
    if (remoteAddress === undefined || remotePort === undefined) return;
    this.#remoteAddress = formatHostPort(remoteAddress, remotePort);
  }

  /** False once the link is closing or closed. */
  get isOpen(): boolean {
    return this.#phase === Phase.Open;
  }

  /** The writer for one frame, to be filled at once. */
  writer(): ByteWriter {
    return this.output.writer();
  }

  /** Sends a structured message at the end of this turn. A peer that leaves too much unread is cut off. */
  send(message: Message): void {
    if (!this.isOpen) return;
    if (this.output.pendingBytes > MAX_PENDING_BYTES) {
      this.#fail(new Error(`the peer has left ${this.output.pendingBytes} bytes unread`));
      return;
    }
    writeMessage(this.output.writer(), message);
  }

  /** Sends a frame without a body at the end of this turn. */
  signal(command: Command): void {
    if (!this.isOpen) return;
    const writer = this.output.writer();
    endFrame(writer, beginFrame(writer, command));
  }

  /** Accepts frames of full size: the peer has proved itself. */
  raiseFrameLimit(maxFrameBytes: number): void {
    this.#decoder.maxFrameBytes = maxFrameBytes;
  }

  /**
   * Pings the peer, and closes the link when nothing comes.
   *
   * @param intervalMs - time between two pings; a peer that stops answering is gone within two of these
   */
  startHeartbeat(intervalMs: number): void {
    this.#lastBeatAt = performance.now();
    this.#heartbeat = setInterval(() => this.#beat(intervalMs), intervalMs);
  }

  /** Sends what is queued, then closes. */
  close(): void {
    if (this.#phase !== Phase.Open) return;
    this.#phase = Phase.Closing;
    this.output.flushNow();
    this.#socket.end();
    // A peer that does not read keeps us no longer than this.
    this.#socket.setTimeout(1000, () => this.#socket.destroy());
  }

  /** Closes at once and drops what is queued. */
  destroy(reason?: Error): void {
    if (this.#phase === Phase.Closed) return;
    this.#phase = Phase.Closing;
    this.#closeReason ??= reason;
    this.#socket.destroy();
  }

  #handleData(chunk: Buffer): void {
    this.#isSilent = false;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.#fail(toError(error));
    }
  }

  #handleFrame(command: number, buffer: Buffer, start: number, end: number): boolean {
    // Nothing that comes after the decision to close is acted on.
    if (this.#phase !== Phase.Open) return false;
    if (command === Command.Ping) this.signal(Command.Pong);
    else if (command !== Command.Pong) this.onFrame(command, buffer, start, end);
    return this.#phase === Phase.Open;
  }

  #beat(intervalMs: number): void {
    const now = performance.now();
    // Who was stopped itself, or was busy, has not looked at what came meanwhile.
    const isLate = now - this.#lastBeatAt > intervalMs * 1.5;
    this.#lastBeatAt = now;
    if (this.#isSilent && !isLate) {
      this.#fail(new Error('the peer does not answer'));
      return;
    }
    this.#isSilent = true;
    this.signal(Command.Ping);
  }

  #fail(error: Error): void {
    this.destroy(error);
  }

  #handleClosed(): void {
    if (this.#phase === Phase.Closed) return;
    this.#phase = Phase.Closed;
    clearInterval(this.#heartbeat);
    this.output.discard();
    this.onClose(this.#closeReason);
  }
}
