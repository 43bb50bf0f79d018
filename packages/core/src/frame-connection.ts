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

/** Unread bytes past which a peer gets no further message. Payloads have limits of their own below it. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;

/** Unread bytes past which a Ping is not answered. */
const MAX_UNREAD_PONG_BYTES = 65_536;

/** Time that the peer has to take what is left when the link is closed, in milliseconds. */
const CLOSE_GRACE_MS = 1000;

/** Bytes that may come before the peer is told of them, if nothing else is sent to it. */
const CONFIRM_BYTES = 65_536;

/** Phases of a connection, in order; one that can be resumed may be open again after it was suspended. */
const Phase = {
  Open: 'open',
  Suspended: 'suspended',
  Closing: 'closing',
  Closed: 'closed',
} as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/**
 * One inner link: it carries frames both ways, gathers writes, and notices a peer that no longer
 * answers.
 *
 * A link that can be resumed outlives its socket: when that breaks, both ends keep what the other has
 * not confirmed, and go on over the next socket as if nothing had happened. A link ends when its peer
 * takes leave or does not come back in time, and when a frame breaks the protocol or its handler throws.
 */
export class FrameConnection implements FrameSocketOwner, Guarded {
  /** Resolves when the link has ended. */
  readonly closed: Promise<void>;
  /** Wraps a callback of the link that its owner runs, such as a timer. */
  readonly guard: Guard;
  /** Sending side of the link. */
  readonly output: CoalescingWriter;
  /** Takes each frame; set before the next turn of the event loop. */
  onFrame: LinkFrameHandler = () => undefined;
  /** Called once, when the link has ended; `reason` is `undefined` when it ended as it should. */
  onClose: (reason: Error | undefined) => void = () => undefined;
  /** Called when the socket broke and the link waits for another. */
  onSuspended: (reason: Error) => void = () => undefined;
  /** Called when the link goes on over another socket. */
  onResumed: () => void = () => undefined;
  /** Called before queued frames leave; may queue more. */
  beforeFlush: (() => void) | undefined;
  /** Chunks that have come from the peer: a number that grows shows that it lives. */
  reads = 0;
  #frames: FrameSocket;
  #phase: Phase = Phase.Open;
  #isProven = false;
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

  /** True while frames are taken for the peer, though the link may be suspended. */
  get isOpen(): boolean {
    return this.#phase === Phase.Open || this.#phase === Phase.Suspended;
  }

  /** True while the link waits for a socket. */
  get isSuspended(): boolean {
    return this.#phase === Phase.Suspended;
  }

  /** Bytes of frames received since the link can be resumed. */
  get receivedBytes(): number {
    return this.#resumption?.received ?? 0;
  }

  /** The writer for one frame, to be filled at once. */
  writer(): ByteWriter {
    return this.output.writer();
  }

  /** Sends a structured message at the end of this turn. A peer that leaves too much unread is cut off. */
  send(message: Message): void {
    if (!this.isOpen) return;
    if (this.output.pendingBytes > MAX_PENDING_BYTES) {
      this.destroy(new Error(`the peer has left ${this.output.pendingBytes} bytes unread`));
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

  /** The peer has proved itself: frames of full size are accepted, and those about the link acted on. */
  raiseFrameLimit(maxFrameBytes: number): void {
    this.#isProven = true;
    this.#frames.raiseFrameLimit(maxFrameBytes);
  }

  /**
   * Pings the peer, and takes the socket for broken when nothing comes.
   *
   * @param intervalMs - time between two pings; a peer that stops answering is noticed within 1.8 of these
   */
  startHeartbeat(intervalMs: number): void {
    this.#heartbeat.start(intervalMs);
  }

  /**
   * From the next frame on, both ways, the link can go on over another socket. Both ends call it when
   * the handshake is done.
   *
   * @param graceMs - time the peer has to come back
   */
  makeResumable(graceMs: number): void {
    // What belongs to the handshake leaves first: it is not part of what would be sent again.
    this.output.flushNow();
    const resumption = new LinkResumption(graceMs);
    this.#resumption = resumption;
    this.output.onWrite = (bytes) => resumption.unconfirmed.add(bytes);
  }

  /**
   * Tells whether the link can go on where the peer says it is. It does not while frames are missing
   * that nobody has any more.
   *
   * @param position - bytes of frames that the peer has received
   */
  canResumeAt(position: number): boolean {
    const kept = this.#resumption?.unconfirmed;
    return this.isOpen && kept !== undefined && position >= kept.start && position <= kept.end;
  }

  /**
   * Goes on over the socket of a link that was just set up, which is of no use afterwards.
   *
   * @param position - bytes of frames that the peer has received; `canResumeAt` says whether that can be
   */
  resumeOver(fresh: FrameConnection, position: number): void {
    const resumption = this.#resumption;
    if (resumption === undefined || !resumption.unconfirmed.confirm(position)) return;
    this.#abandonSocket();
    this.#grace.stop();
    this.#frames = fresh.#release(this);
    this.#phase = Phase.Open;
    this.#closeReason = undefined;
    resumption.confirmed = resumption.received;
    this.#heartbeat.restart();
    this.output.attach(this.#frames.socket, resumption.unconfirmed.copy());
    try {
      this.onResumed();
    } catch (error) {
      this.fail(toError(error));
      throw error;
    }
  }

  /**
   * Reads and writes nothing more: another process may go on with the link, or this one by `thaw`.
   *
   * @returns what that process needs; `undefined` when the link has ended, or cannot be resumed
   */
  freeze(reason: Error): LinkState | undefined {
    if (this.#canWait) {
      this.#phase = Phase.Suspended;
      this.#heartbeat.stop();
      this.output.detach();
      this.#frames.owner = noOwner;
      this.#frames.socket.pause();
      this.onSuspended(reason);
    }
    return this.isSuspended ? this.#resumption?.export(this.output.take()) : undefined;
  }

  /** Goes on with a link that was frozen; one without a socket waits for its peer from now on. */
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

  /** Takes the place of a frozen link of another process; for a link that can be resumed and was never used. */
  restore(state: LinkState): void {
    this.#resumption?.restore(state);
    this.freeze(new Error('the link has moved to this process'));
    this.#frames.socket.destroy();
  }

  /** Ends a suspended link at once, because its peer is known to be dead; an open link is not affected. */
  expire(): void {
    if (this.#phase === Phase.Suspended) this.#end();
  }

  /** Sends what is queued, takes leave and closes. */
  close(): void {
    if (this.#phase === Phase.Suspended) this.#end();
    if (this.#phase !== Phase.Open) return;
    if (this.#resumption !== undefined) this.signal(Command.GoAway);
    this.#phase = Phase.Closing;
    const { socket } = this.#frames;
    this.output.flushNow();
    socket.end();
    // A peer that does not read keeps us no longer than this; one that has not proved itself keeps us no
    // longer whatever it does.
    socket.setTimeout(CLOSE_GRACE_MS, () => socket.destroy());
    if (this.#resumption === undefined) {
      setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref();
    }
  }

  /** Ends the link at once and drops what is queued. */
  destroy(reason?: Error): void {
    if (this.#phase === Phase.Closed) return;
    this.#closeReason = reason ?? this.#closeReason;
    if (this.#phase === Phase.Suspended) {
      this.#end();
      return;
    }
    this.#phase = Phase.Closing;
    const { socket } = this.#frames;
    // The `close` of a socket that is closed does not come again.
    if (socket.closed) this.#end();
    else socket.destroy();
  }

  /** Ends the link because something of it has thrown. */
  fail(error: Error): void {
    this.destroy(error);
  }

  /** See `FrameSocketOwner`; called by the socket of the link alone. */
  handleFrame(command: number, buffer: Buffer, start: number, end: number): boolean {
    // Nothing that comes after the decision to close is acted on.
    if (this.#phase !== Phase.Open) return false;
    // Read before the handler, which may be the one that ends the handshake: that is not counted.
    const resumption = this.#resumption;
    if (resumption !== undefined) resumption.received += FRAME_LENGTH_BYTES + 1 + end - start;
    if (this.#isProven && command >= Command.Ping && command <= Command.GoAway) {
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
    if (this.#canWait) this.#suspend(new Error('the peer closed the connection unexpectedly'));
    // Whoever ends its side is done: a link is of no use one way.
    else this.close();
  }

  /** See `FrameSocketOwner`. */
  handleBroken(error: Error): void {
    if (this.#canWait) this.#suspend(error);
    else this.destroy(error);
  }

  /** See `FrameSocketOwner`. A link that went on would get the same frame again. */
  handleBadFrame(error: Error): void {
    this.destroy(error);
  }

  /** See `FrameSocketOwner`. */
  handleClosed(): void {
    if (this.#canWait) this.#suspend(new Error('the connection broke'));
    else this.#end();
  }

  /** True while the link would outlive its socket. */
  get #canWait(): boolean {
    return this.#phase === Phase.Open && this.#resumption !== undefined;
  }

  #handleLinkFrame(command: number, buffer: Buffer, start: number, end: number): void {
    if (command === Command.Ping) {
      // A peer with so much unread sees from it that this process lives: a pong would only add to it.
      if (this.output.pendingBytes < MAX_UNREAD_PONG_BYTES) this.signal(Command.Pong);
    } else if (command === Command.GoAway) this.close();
    else if (command === Command.Received) this.#resumption?.confirm(buffer, start, end);
  }

  /** Tells the peer what has come, whenever something is sent to it anyway. */
  #prepareFlush(): void {
    this.beforeFlush?.();
    const resumption = this.#resumption;
    if (resumption === undefined) return;
    const overflow = resumption.unconfirmed.findOverflow(this.#frames.socket.writableLength);
    if (overflow !== undefined && this.#phase === Phase.Open) this.destroy(overflow);
    if (resumption.received === resumption.confirmed) return;
    resumption.confirmed = resumption.received;
    writeReceived(this.output.writer(), resumption.received);
  }

  #suspend(reason: Error): void {
    this.#phase = Phase.Suspended;
    this.#closeReason = reason;
    this.#abandonSocket();
    this.#grace.start(this.#resumption?.graceMs ?? 0, () => this.#end(), this);
    this.onSuspended(reason);
  }

  /** Lets go of the socket; what it has not delivered is kept. */
  #abandonSocket(): void {
    this.#heartbeat.stop();
    this.output.detach();
    this.#frames.owner = noOwner;
    this.#frames.socket.destroy();
  }

  /** Gives the socket to another link. */
  #release(owner: FrameSocketOwner): FrameSocket {
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
    // That of a frozen link is open.
    this.#frames.socket.destroy();
    try {
      this.onClose(this.#closeReason);
    } finally {
      this.#onClosed();
    }
  }
}
