import { type ClientRequest, type ClosedBy, unpackClientRequest } from '@gatewayworker/protocol';
import { ServerClosure } from '../clients/server-closure.ts';
import type {
  ClientClosure,
  ClientSocket,
  ClientSocketHandler,
  SocketFacts,
  Transport,
} from '../transports/transport.ts';
import type { HandoverLink } from './handover-link.ts';
import type { PredecessorMessage, SuccessorMessage } from './handover-messages.ts';

/** What is done to a socket, wherever its connection is. */
type Target = Pick<ClientSocket, 'sendFrame' | 'ping' | 'setPaused' | 'close' | 'destroy'>;

/** What relayed sockets have in common. */
export interface RelayContext {
  readonly link: HandoverLink<SuccessorMessage, PredecessorMessage>;
  readonly transport: Pick<Transport, 'frame'>;
}

/**
 * A client whose connection the predecessor still has: what is sent goes there. While the connection moves, it
 * waits here, and then goes to the socket that this process has of it.
 */
export class RelayedSocket implements ClientSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly listenPort: number;
  readonly packedRequest: Buffer | undefined;
  readonly #context: RelayContext;
  #target: Target | undefined;
  #waiting: ((target: Target) => void)[] | undefined = [];
  #waitingBytes = 0;
  #handler: ClientSocketHandler | undefined;

  /** What is sent waits until `relay` is called. */
  constructor(facts: SocketFacts, context: RelayContext) {
    this.remoteAddress = facts.remoteAddress;
    this.remotePort = facts.remotePort;
    this.listenPort = facts.listenPort;
    this.packedRequest = facts.packedRequest;
    this.#context = context;
  }

  get request(): ClientRequest | undefined {
    return this.packedRequest && unpackClientRequest(this.packedRequest);
  }

  get isRelayed(): boolean {
    return true;
  }

  get pendingBytes(): number {
    return this.#waitingBytes;
  }

  get bytesRead(): number {
    return 0;
  }

  get bytesWritten(): number {
    return 0;
  }

  /** Who is told of the client. */
  set handler(handler: ClientSocketHandler) {
    this.#handler = handler;
  }

  /** Has everything wait that is sent from now on. */
  hold(): void {
    this.#waiting ??= [];
  }

  /** Sends what waits, and all that follows, to the predecessor. */
  relay(connection: number): void {
    const { link } = this.#context;
    this.#release({
      sendFrame: (frame) => link.send({ type: 'frame', connection, frame }),
      ping: () => undefined,
      setPaused: (isPaused) => link.send({ type: 'pause', connection, isPaused }),
      close: (by, code, reason) => link.send({ type: 'close', connection, by, code, reason }),
      destroy: (by) => link.send({ type: 'destroy', connection, by }),
    });
  }

  /** The connection has moved: sends what waits by its own socket. */
  adopt(socket: ClientSocket): void {
    this.#handler = undefined;
    this.#release(socket);
  }

  /** The connection is closed. */
  handleClosed(closure: ClientClosure): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#target = undefined;
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    handler?.onClose(closure);
  }

  sendFrame(frame: Buffer): void {
    this.#do((target) => target.sendFrame(frame), frame.length);
  }

  sendMessage(source: Buffer, start: number, end: number, isBinary: boolean): void {
    const frame = this.#context.transport.frame(source.subarray(start, end), isBinary);
    if (frame !== undefined) this.sendFrame(frame);
  }

  flush(): void {
    // The link is flushed at the end of the turn.
  }

  ping(): void {
    // The predecessor looks after it.
  }

  setPaused(isPaused: boolean): void {
    this.#do((target) => target.setPaused(isPaused));
  }

  close(by: ClosedBy, code: number, reason: string): void {
    this.#do((target) => target.close(by, code, reason));
  }

  destroy(by: ClosedBy): void {
    this.#do((target) => target.destroy(by));
  }

  fail(): void {
    const { by, code, reason } = ServerClosure.InternalError;
    this.close(by, code, reason);
  }

  release(): 'later' {
    return 'later';
  }

  #do(act: (target: Target) => void, byteLength = 0): void {
    if (this.#waiting === undefined) {
      if (this.#target !== undefined) act(this.#target);
      return;
    }
    this.#waiting.push(act);
    this.#waitingBytes += byteLength;
  }

  #release(target: Target): void {
    const waiting = this.#waiting ?? [];
    this.#target = target;
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    for (const act of waiting) act(target);
  }
}
