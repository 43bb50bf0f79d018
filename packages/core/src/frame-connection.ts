import type { Socket } from 'node:net';
import {
  type ByteWriter,
  beginFrame,
  Command,
  endFrame,
  FRAME_LENGTH_BYTES,
  type Message,
  writeMessage,
  writeReceived,
} from '@gatewayworker/protocol';
import { CoalescingWriter } from './coalescing-writer.ts';
import { toError } from './errors.ts';
import type { FlushScheduler } from './flush-scheduler.ts';
import {
  FrameSocket,
  type FrameSocketOwner,
  type LinkFrameHandler,
  noOwner,
} from './frame-socket.ts';
import { GraceTimer } from './grace-timer.ts';
import type { Guard, Guarded } from './guard.ts';
import { LinkHeartbeat } from './link-heartbeat.ts';
import { LinkResumption, type LinkState } from './link-resumption.ts';

/** If the peer has left more bytes unread, `send` ends the link. Events and Gateway API calls have lower limits. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

/** Unread bytes above which a Ping is not answered. */
const MAX_UNREAD_PONG_BYTES = 65_536;

/** Time that the peer has to read the queued bytes when the link is closed, in milliseconds. */
const CLOSE_GRACE_MS = 1000;

/** Received bytes after which they are confirmed to the peer, if no other frame is sent earlier. */
const CONFIRM_BYTES = 65_536;

/** Phases of a connection, in order. A suspended connection becomes open again when it is resumed. */
const Phase = {
  Open: 'open',
  Suspended: 'suspended',
  Closing: 'closing',
  Closed: 'closed',
} as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/**
 * One inner link. It carries frames in both directions, coalesces writes, and detects a peer that does not answer.
 *
 * A resumable link outlives its socket. When the socket breaks, the link is suspended: both ends keep the bytes that
 * the other has not confirmed, and retransmit them on the next socket. A link ends when its peer sends GoAway or does
 * not resume in time, when a frame violates the protocol, and when a handler throws.
 */
export class FrameConnection implements FrameSocketOwner, Guarded {
  /** Resolves when the link has ended. */
  readonly closed: Promise<void>;
  /** The guard for callbacks that concern the link, such as timers of its owner. */
  readonly guard: Guard;
  /** Sending side of the link. */
  readonly output: CoalescingWriter;
  /** Called with each frame that is not about the link itself. Must be set before the next turn of the event loop. */
  onFrame: LinkFrameHandler = () => undefined;
  /** Called once, when the link has ended; `reason` is `undefined` after an orderly end. */
  onClose: (reason: Error | undefined) => void = () => undefined;
  /** Called when the socket broke and the link waits for another one. */
  onSuspended: (reason: Error) => void = () => undefined;
  /** Called when the link has resumed on another socket. */
  onResumed: () => void = () => undefined;
  /** Called before queued frames are written; may queue more. */
  beforeFlush: (() => void) | undefined;
  /** Number of chunks read from the peer. It grows while the peer is alive. */
  reads = 0;
  #frames: FrameSocket;
  #phase: Phase = Phase.Open;
  #isAuthenticated = false;
  #resumption: LinkResumption | undefined;
  readonly #grace: GraceTimer;
  #closeReason: Error | undefined;
  #onClosed: () => void = () => undefined;
  readonly #heartbeat = new LinkHeartbeat(this);

  constructor(socket: Socket, scheduler: FlushScheduler) {
    this.guard = scheduler.guard;
    this.#grace = new GraceTimer(scheduler.guard);
    this.#frames = new FrameSocket(socket, this, scheduler.guard);
    this.output = new CoalescingWriter(socket, scheduler, this, true);
    this.output.beforeFlush = () => this.#prepareFlush();
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  /** Address of the peer, `host:port`, for logs. */
  get remoteAddress(): string {
    return this.#frames.remoteAddress;
  }

  /** True while frames can be queued for the peer, even if the link is suspended. */
  get isOpen(): boolean {
    return this.#phase === Phase.Open || this.#phase === Phase.Suspended;
  }

  /** True while the link waits for a socket. */
  get isSuspended(): boolean {
    return this.#phase === Phase.Suspended;
  }

  /** Bytes of frames received since the link became resumable. */
  get receivedBytes(): number {
    return this.#resumption?.received ?? 0;
  }

  /** The writer for one frame. The frame must be written at once. */
  writer(): ByteWriter {
    return this.output.writer();
  }

  /** Sends a message at the end of this turn, or in a few turns. Ends the link if the peer has left over 64 MiB unread. */
  send(message: Message, isDelayed = false): void {
    if (!this.isOpen) return;
    const { output } = this;
    if (output.pendingBytes > MAX_PENDING_BYTES) {
      this.destroy(new Error(`the peer has left ${output.pendingBytes} bytes unread`));
      return;
    }
    writeMessage(isDelayed ? output.delayedWriter() : output.writer(), message);
  }

  /** Sends a frame without a body at the end of this turn. */
  signal(command: Command): void {
    if (!this.isOpen) return;
    const writer = this.output.writer();
    endFrame(writer, beginFrame(writer, command));
  }

  /** Call it once the peer has authenticated: accepts frames of full size, and handles frames about the link itself. */
  raiseFrameLimit(maxFrameBytes: number): void {
    this.#isAuthenticated = true;
    this.#frames.raiseFrameLimit(maxFrameBytes);
  }

  /**
   * Pings the peer, and treats the socket as broken if nothing is received.
   *
   * @param intervalMs - time between two pings; a peer that stops answering is detected within 1.8 intervals
   */
  startHeartbeat(intervalMs: number): void {
    this.#heartbeat.start(intervalMs);
  }

  /**
   * Makes the link resumable, from the next frame on in both directions. Both ends call it right after the handshake.
   *
   * @param graceMs - time the peer has to resume, in milliseconds
   */
  makeResumable(graceMs: number): void {
    // Frames of the handshake are written first, because they must not be retransmitted.
    this.output.flushNow();
    const resumption = new LinkResumption(graceMs);
    this.#resumption = resumption;
    this.output.onWrite = (bytes) => resumption.retransmitBuffer.add(bytes);
  }

  /**
   * Returns whether the link can resume at a position: the retransmit buffer must have all bytes after it.
   *
   * @param position - bytes of frames that the peer has received
   */
  canResumeAt(position: number): boolean {
    const buffer = this.#resumption?.retransmitBuffer;
    return (
      this.isOpen && buffer !== undefined && position >= buffer.start && position <= buffer.end
    );
  }

  /**
   * Continues this link on the socket of `fresh`, which has just completed its handshake and must not be used afterwards.
   *
   * @param position - bytes of frames that the peer has received; check it with `canResumeAt` first
   */
  resumeOver(fresh: FrameConnection, position: number): void {
    const resumption = this.#resumption;
    if (resumption === undefined || !resumption.retransmitBuffer.confirm(position)) return;
    this.#detachSocket();
    this.#grace.stop();
    this.#frames = fresh.#releaseSocket(this);
    this.#phase = Phase.Open;
    this.#closeReason = undefined;
    resumption.confirmed = resumption.received;
    this.#heartbeat.restart();
    this.output.attach(this.#frames.socket, resumption.retransmitBuffer.copy());
    try {
      this.onResumed();
    } catch (error) {
      this.fail(toError(error));
      throw error;
    }
  }

  /**
   * Stops reading and writing, so that another process can take over the link; `thaw` continues it in this process.
   *
   * @returns the state for the other process; `undefined` if the link has ended or is not resumable
   */
  freeze(reason: Error): LinkState | undefined {
    if (this.#isResumable) {
      this.#phase = Phase.Suspended;
      this.#heartbeat.stop();
      this.output.detach();
      this.#frames.owner = noOwner;
      this.#frames.socket.pause();
      this.onSuspended(reason);
    }
    return this.isSuspended ? this.#resumption?.export(this.output.takeQueued()) : undefined;
  }

  /** Continues a frozen link. If it has no socket, the time that the peer has to resume starts now. */
  thaw(): void {
    if (this.#phase !== Phase.Suspended) return;
    this.#grace.stop();
    const { socket } = this.#frames;
    this.#phase = Phase.Open;
    if (socket.destroyed) {
      this.#suspend(new Error('the connection broke'));
      return;
    }
    this.#frames.owner = this;
    this.#heartbeat.restart();
    this.output.attach(socket, this.#resumption?.takeQueued() ?? []);
    socket.resume();
    this.onResumed();
  }

  /** Takes over a frozen link of another process. This link must be resumable and unused. */
  restore(state: LinkState): void {
    this.#resumption?.restore(state);
    this.freeze(new Error('the link has moved to this process'));
    this.#frames.socket.destroy();
  }

  /** Ends a suspended link at once, because its peer is known to be dead; an open link is not affected. */
  expire(): void {
    if (this.#phase === Phase.Suspended) this.#end();
  }

  /** Sends the queued frames and GoAway, and closes. */
  close(): void {
    if (this.#phase === Phase.Suspended) this.#end();
    if (this.#phase !== Phase.Open) return;
    if (this.#resumption !== undefined) this.signal(Command.GoAway);
    this.#phase = Phase.Closing;
    const { socket } = this.#frames;
    this.output.flushNow();
    socket.end();
    // This timeout ends the wait for a peer that does not read. A peer that has not authenticated could prolong it by
    // sending bytes, so a timer ends its socket.
    socket.setTimeout(CLOSE_GRACE_MS, () => socket.destroy());
    if (this.#resumption === undefined) {
      setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref();
    }
  }

  /** Ends the link at once and drops the queued frames. */
  destroy(reason?: Error): void {
    if (this.#phase === Phase.Closed) return;
    this.#closeReason = reason ?? this.#closeReason;
    if (this.#phase === Phase.Suspended) {
      this.#end();
      return;
    }
    this.#phase = Phase.Closing;
    const { socket } = this.#frames;
    // A closed socket does not emit `close` again.
    if (socket.closed) this.#end();
    else socket.destroy();
  }

  /** Ends the link because one of its callbacks has thrown. */
  fail(error: Error): void {
    this.destroy(error);
  }

  /** See `FrameSocketOwner`. Only the socket of the link calls it. */
  handleFrame(command: number, buffer: Buffer, start: number, end: number): boolean {
    // Frames received after the decision to close are ignored.
    if (this.#phase !== Phase.Open) return false;
    // Taken before the handler runs: a frame whose handler makes the link resumable is not counted.
    const resumption = this.#resumption;
    if (resumption !== undefined) resumption.received += FRAME_LENGTH_BYTES + 1 + end - start;
    if (this.#isAuthenticated && command >= Command.Ping && command <= Command.GoAway) {
      this.#handleLinkFrame(command, buffer, start, end);
    } else {
      this.onFrame(command, buffer, start, end);
    }
    return this.#phase === Phase.Open;
  }

  /** See `FrameSocketOwner`. */
  handleRead(): void {
    this.reads += 1;
    this.#heartbeat.handleRead();
    const resumption = this.#resumption;
    if (resumption === undefined) return;
    if (resumption.received - resumption.confirmed >= CONFIRM_BYTES) this.output.schedule();
  }

  /** See `FrameSocketOwner`. */
  handleEnd(): void {
    if (this.#isResumable) this.#suspend(new Error('the peer closed the connection unexpectedly'));
    // A peer that ends its side has finished: a link in one direction has no use.
    else this.close();
  }

  /** See `FrameSocketOwner`. */
  handleBroken(error: Error): void {
    if (this.#isResumable) this.#suspend(error);
    else this.destroy(error);
  }

  /** See `FrameSocketOwner`. The link must not resume after a malformed frame: the peer would retransmit it. */
  handleBadFrame(error: Error): void {
    this.destroy(error);
  }

  /** See `FrameSocketOwner`. */
  handleClosed(): void {
    if (this.#isResumable) this.#suspend(new Error('the connection broke'));
    else this.#end();
  }

  /** True while a broken socket suspends the link instead of ending it. */
  get #isResumable(): boolean {
    return this.#phase === Phase.Open && this.#resumption !== undefined;
  }

  #handleLinkFrame(command: number, buffer: Buffer, start: number, end: number): void {
    if (command === Command.Ping) {
      // The unread bytes already show a slow peer that this process is alive, so a Pong would only add to them.
      if (this.output.pendingBytes < MAX_UNREAD_PONG_BYTES) this.signal(Command.Pong);
    } else if (command === Command.GoAway) this.close();
    else if (command === Command.Received) this.#resumption?.confirm(buffer, start, end);
  }

  /** Adds a confirmation of the received bytes to the frames that are about to be written. */
  #prepareFlush(): void {
    this.beforeFlush?.();
    const resumption = this.#resumption;
    if (resumption === undefined) return;
    const overflow = resumption.retransmitBuffer.findOverflow(this.#frames.socket.writableLength);
    if (overflow !== undefined && this.#phase === Phase.Open) this.destroy(overflow);
    if (resumption.received === resumption.confirmed) return;
    resumption.confirmed = resumption.received;
    writeReceived(this.output.writer(), resumption.received);
  }

  #suspend(reason: Error): void {
    this.#phase = Phase.Suspended;
    this.#closeReason = reason;
    this.#detachSocket();
    this.#grace.start(this.#resumption?.graceMs ?? 0, () => this.#end(), this);
    this.onSuspended(reason);
  }

  /** Destroys the socket. Bytes that it has not delivered stay in the retransmit buffer. */
  #detachSocket(): void {
    this.#heartbeat.stop();
    this.output.detach();
    this.#frames.owner = noOwner;
    this.#frames.socket.destroy();
  }

  /** Ends this link and passes its socket to another link. */
  #releaseSocket(owner: FrameSocketOwner): FrameSocket {
    this.output.flushNow();
    this.output.discard();
    this.output.detach();
    this.#heartbeat.stop();
    this.#frames.owner = owner;
    this.#phase = Phase.Closed;
    this.#onClosed();
    return this.#frames;
  }

  #end(): void {
    if (this.#phase === Phase.Closed) return;
    this.#phase = Phase.Closed;
    this.#heartbeat.stop();
    this.#grace.stop();
    this.output.discard();
    // The socket of a frozen link is still open.
    this.#frames.socket.destroy();
    try {
      this.onClose(this.#closeReason);
    } finally {
      this.#onClosed();
    }
  }
}
