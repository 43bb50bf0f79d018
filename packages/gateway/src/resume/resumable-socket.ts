import { ClientProtocolError, type Resume } from '@gatewayworker/client-protocol';
import { CloseCode, ClosedBy, type ResumableInfo } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import { ServerClosure } from '../clients/server-closure.ts';
import type {
  ClientClosure,
  ClientSocket,
  ClientSocketHandler,
  ReleaseRefusal,
  SocketInfo,
} from '../transports/transport.ts';
import type { PrefixedSocket } from '../transports/websocket-socket.ts';
import type { SettledEvents } from './client-numbers.ts';
import type { HelloHandler } from './hello-handler.ts';
import type { CallerLane } from './lane-table.ts';
import { type MembershipAges, toU32 } from './membership-ages.ts';
import { messageHeader, noOrigin } from './message-header.ts';
import { MovingState } from './moving-state.ts';
import { decodeReceivedFrame } from './received-frame.ts';
import { endsSession, ReplaceableSocket } from './replaceable-socket.ts';
import type { ResumableContext, ResumableEvents, ResumableRecord } from './resumable-context.ts';
import { welcomeFrame } from './welcome-frame.ts';

/** Time for a slow consumer to read the close frame, in milliseconds. */
const OVERFLOW_GRACE_MS = 1000;

const noPositions: ReadonlyMap<number, number> = new Map();

/**
 * The socket of a client with the client protocol. It outlives its connections: without one, the client is parked.
 *
 * It encodes and decodes the frames of the client protocol; the connection below carries them as websocket messages. The
 * rest of the gateway sees a `ClientSocket`.
 */
export class ResumableSocket
  extends ReplaceableSocket
  implements ClientSocket, ClientSocketHandler
{
  readonly isRelayed = false;
  readonly #context: ResumableContext;
  readonly #state = new MovingState();
  #client: ClientConnection | undefined;
  #events: ResumableEvents | undefined;
  /** How the session ends; set once it does. */
  #closure: ClientClosure | undefined;
  /** The resume that waits for the application. */
  #claim: Resume | undefined;
  /** Time for which the client had no connection before its last resume, in milliseconds. */
  #awayMs = 0;
  /** True for a client of another process until it has resumed here. */
  #isMoved = false;
  /** Processes that have not sent all missed messages: their newer ones are part of the replay. */
  #awaited: Set<CallerLane> | undefined;
  /** True while its connection closes because it is a slow consumer. */
  #isSlow = false;

  /** @param info - the connection, or the properties of the last one of a parked client */
  constructor(info: PrefixedSocket | SocketInfo, context: ResumableContext) {
    super(info);
    this.#context = context;
  }

  /** Sets its client, before the first event of the client. */
  bind(client: ClientConnection): void {
    this.#client = client;
    client.resumable = this;
    // ClientConnected.
    this.#state.numbers.addEvent();
  }

  /** Starts to pass events, and sends the Welcome of a new session. */
  start(events: ResumableEvents, reason: string): void {
    this.#events = events;
    this.#welcome(reason, false);
  }

  // Moves to another process.

  /** Continues a client of another process, which is parked here. Its groups must be restored before. */
  restore(client: ClientConnection, events: ResumableEvents, record: ResumableRecord): void {
    this.bind(client);
    this.#events = events;
    this.#state.restore(record);
    this.#isMoved = true;
    this.markDropped(record.awayMs);
    this.#context.parked.add(client, record.awayMs);
  }

  /** Dispatches the drop of a parked client. */
  reportDrop(): void {
    this.#state.numbers.addEvent();
    this.#events?.onDrop();
  }

  /** What its worker keeps, for the case that this gateway dies. */
  get info(): ResumableInfo | undefined {
    const client = this.#client;
    return client && this.#state.describe(client, this.#context);
  }

  /** Returns the state for another process, and ignores what the client sends from now on. */
  export(): ResumableRecord | undefined {
    const { info, isParked } = this;
    const client = this.#client;
    if (info === undefined || client === undefined) return undefined;
    this.freeze();
    const awayMs = toU32(this.#context.parked.awayMs(client));
    return { info, inFlight: this.#state.numbers.inFlight, isParked, awayMs };
  }

  /** Forgets the client, which another process has now, and closes its connection with this code. */
  leave(code: number): void {
    const connection = this.detach();
    this.#events = undefined;
    this.#forget('moved');
    connection?.close(ClosedBy.Server, code, '');
  }

  // State.

  /** Uid of its client. */
  get uid(): string | undefined {
    return this.#client?.uid;
  }

  /** Since when the client has its session, uid and groups. */
  get ages(): ReturnType<MembershipAges['describe']> {
    return this.#state.ages.describe();
  }

  /** True while the client can receive messages: it is connected, and the application has accepted its resume. */
  get isReceiving(): boolean {
    if (this.#claim !== undefined || this.#closure !== undefined) return false;
    return this.connection !== undefined && !this.#isSlow;
  }

  /** True when messages of a process are part of its replay, which is not complete. */
  isAwaiting(lane: CallerLane): boolean {
    return this.#awaited?.has(lane) === true;
  }

  recordJoin(group: string): void {
    if (this.#state.ages.join(group)) this.#context.onGroupChange(this.#client, group, true);
  }

  recordLeave(group: string): void {
    if (this.#state.ages.leave(group)) this.#context.onGroupChange(this.#client, group, false);
  }

  recordUid(): void {
    this.#state.ages.bind();
  }

  /** Number of the last message of the client. */
  get lastNumber(): number {
    return this.#state.numbers.received;
  }

  // Sending.

  sendFrame(frame: Buffer): void {
    if (this.isReceiving) this.connection?.sendFrame(frame);
  }

  /** Sends a message without an offset. */
  sendMessage(source: Buffer, start: number, end: number, isBinary: boolean): void {
    this.sendPrefixed(messageHeader(noOrigin, isBinary), source, start, end);
  }

  /** Sends a frame of the client protocol: its header, and `source[start, end)`. */
  sendPrefixed(header: Buffer, source: Buffer, start: number, end: number): void {
    if (this.isReceiving) this.connection?.sendPrefixed(header, source, start, end);
  }

  ping(): void {
    const positions = this.#awaited === undefined ? this.#context.lanes.positions : noPositions;
    if (this.isReceiving) this.sendPing(positions);
  }

  /** Tells the client that it has received everything of a source that has ended. */
  sendSourceEnded(source: number): void {
    if (this.isReceiving) this.sendControl({ op: 'sourceEnded', source });
  }

  /** Tells the client that it has received everything up to this offset of a source. */
  sendMark(source: number, offset: number): void {
    const isKnown = offset > 0 && this.isReceiving;
    if (isKnown) this.sendControl({ op: 'ping', positions: new Map([[source, offset]]) });
  }

  /** Reports that messages of a source up to this offset may be lost; 0 stands for all of them. */
  sendGap(source: number, offset: number, reason: string): void {
    if (this.isReceiving) this.sendControl({ op: 'gap', source, offset, reason });
  }

  #welcome(reason: string, isResumed: boolean): void {
    if (this.#client === undefined) return;
    const answer = { isResumed, reason };
    this.sendControl(welcomeFrame(this.#client, this.#state, this.#context, answer));
  }

  // The end of a connection, and of the session.

  close(by: ClosedBy, code: number, reason: string): void {
    if (by !== ClosedBy.Overflow) {
      this.#end({ by, code, reason }, (connection) => connection.close(by, code, reason));
      return;
    }
    // A slow consumer resumes, and gets what it has missed.
    const slow = this.connection;
    this.#isSlow = true;
    slow?.close(by, code, reason);
    setTimeout(() => slow?.destroy(by), OVERFLOW_GRACE_MS).unref();
  }

  destroy(by: ClosedBy): void {
    // A silent client resumes.
    if (by === ClosedBy.Heartbeat) this.connection?.destroy(by);
    else this.#end({ by, code: undefined, reason: undefined }, (open) => open.destroy(by));
  }

  fail(error: Error): void {
    const { by, code, reason } = ServerClosure.InternalError;
    this.#end({ by, code, reason }, (connection) => connection.fail(error));
  }

  release(): ReleaseRefusal {
    return 'never';
  }

  /** Handles the end of the connection: parks the client, unless the session ends. */
  onClose(closure: ClientClosure): void {
    const client = this.#client;
    this.detach();
    if (this.#closure !== undefined || endsSession(closure)) this.#finish(this.#closure ?? closure);
    else if (client !== undefined) {
      this.#context.parked.add(client);
      // Also during a resume that the application has not decided: its event comes first.
      this.reportDrop();
      this.#claim = undefined;
    }
  }

  /** Ends the session. */
  #end(closure: ClientClosure, close: (connection: PrefixedSocket) => void): void {
    this.#closure ??= closure;
    if (this.connection === undefined) this.#finish(this.#closure);
    else close(this.connection);
  }

  #finish(closure: ClientClosure): void {
    const events = this.#events;
    this.#events = undefined;
    this.#forget('dropped');
    events?.onClose(closure);
  }

  #forget(outcome: 'dropped' | 'moved'): void {
    if (this.#client === undefined) return;
    this.#context.receipts.handleEnd(this.#client, outcome);
    this.#context.parked.remove(this.#client);
    this.#context.onGone(this.#client);
  }

  override detach(): PrefixedSocket | undefined {
    this.#awaited = undefined;
    this.#isSlow = false;
    return super.detach();
  }

  // Resuming.

  /** Returns whether a client with this secret may resume. */
  allows(secret: Uint8Array): boolean {
    return this.#state.secret.allows(secret);
  }

  /**
   * Continues on a new connection. An earlier one is closed.
   *
   * @param handler - of the new connection
   * @param claim - what the client has sent in its Hello
   */
  resume(handler: HelloHandler, claim: Resume): void {
    const client = this.#client;
    if (client === undefined) return;
    const { connection } = handler;
    handler.handTo(this);
    this.detach()?.close(ClosedBy.Server, CloseCode.Moved, 'the session is on another connection');
    this.#awayMs = this.#context.parked.remove(client);
    this.attachTo(connection);
    this.#state.secret.rotate(claim.secret);
    this.#context.onSecret(client, this.#state.secret);
    if (client.isPaused) connection.setPaused(true);
    client.seenBytes = -1;
    client.silentBeats = 0;
    const wasPending = this.#claim !== undefined;
    this.#claim = claim;
    if (wasPending) return;
    this.#state.numbers.addResumed();
    if (this.#events?.onResume(this.#awayMs) === false) this.#completeResume();
  }

  /** Sends the Welcome and the missed messages, once the application has not refused the resume. */
  #completeResume(): void {
    const claim = this.#claim;
    const client = this.#client;
    // The application has acknowledged the event of a client that it has refused, too.
    if (claim === undefined || client === undefined || this.#closure !== undefined) return;
    const { lanes, requestReplay } = this.#context;
    this.#claim = undefined;
    this.#welcome('', true);
    // The last Handled may have been lost with the connection.
    const { handled } = this.#state.numbers;
    if (handled > 0) this.sendHandled(handled);
    const away = { awayMs: this.#awayMs, isMoved: this.#isMoved };
    this.#isMoved = false;
    for (const source of lanes.missed(claim.positions, away)) {
      this.sendGap(source, 0, 'source-ended');
    }
    this.#awaited = new Set(lanes.all);
    requestReplay(client, claim.positions, lanes.all);
  }

  /** Requests what a process has sent since this offset, while its link was broken. */
  catchUp(lane: CallerLane, offset: number): void {
    const client = this.#client;
    if (client === undefined || !this.isReceiving || this.isAwaiting(lane)) return;
    this.#awaited = new Set(this.#awaited).add(lane);
    this.#context.requestReplay(client, new Map([[lane.source, offset]]), [lane]);
  }

  /** Handles the end of the replay of a process. */
  completeReplay(lane: CallerLane, gaps: readonly { source: number; offset: number }[]): void {
    for (const { source, offset } of gaps) this.sendGap(source, offset, 'too-old');
    this.#awaited?.delete(lane);
    if (this.#awaited?.size === 0) this.#awaited = undefined;
  }

  /** Waits for the replays of other processes instead of that of a process that has ended. */
  replaceReplay(lane: CallerLane, others: Iterable<CallerLane>): void {
    for (const other of others) this.#awaited?.add(other);
    this.completeReplay(lane, []);
  }

  // Receiving.

  onMessage(source: Buffer, start: number, end: number, isBinary: boolean): void {
    if (this.ignoresMessage()) return;
    try {
      this.#handleFrame(source.subarray(start, end), isBinary);
    } catch (error) {
      if (!(error instanceof ClientProtocolError)) throw error;
      this.close(ClosedBy.Protocol, CloseCode.ProtocolError, error.message);
    }
  }

  #handleFrame(bytes: Buffer, isBinaryFrame: boolean): void {
    if (this.#claim !== undefined) throw new ClientProtocolError('a frame before the Welcome');
    this.#state.secret.confirm();
    const frame = decodeReceivedFrame(bytes, isBinaryFrame);
    if (frame.op === 'send' || frame.op === 'request') {
      const { number, payload, isBinary } = frame;
      if (!this.#state.numbers.take(number)) return;
      if (frame.op === 'request') this.#events?.onRequest(number, frame.type, payload, isBinary);
      else this.#events?.onMessage(bytes, bytes.length - payload.length, bytes.length, isBinary);
    } else if (frame.op === 'bye') {
      this.close(ClosedBy.Client, CloseCode.Normal, '');
    } else if (frame.op === 'received' && this.#client !== undefined) {
      const { receipt, state, value } = frame;
      this.#context.receipts.handleReceived(this.#client, receipt, state === 'handled', value);
    } else if (frame.op === 'pong') {
      if (this.isProbe()) this.ping();
    }
    // Cancel has no effect.
  }

  /** Handles the acknowledgement of events, the oldest first. */
  acknowledge(count: number): void {
    this.#settle(this.#state.numbers.acknowledge(count));
  }

  /** Forgets the oldest events, which a dead worker has not acknowledged, so that `count` are left. */
  keepInFlight(count: number): void {
    this.#settle(this.#state.numbers.keep(count));
  }

  #settle({ handled, hasResumed }: SettledEvents): void {
    if (handled > 0) this.sendHandled(handled);
    if (hasResumed) this.#completeResume();
  }
}
