import { type ClientRequest, type ClosedBy, unpackClientRequest } from '@gatewayworker/protocol';
import { ServerClosure } from '../clients/server-closure.ts';
import type {
  ClientClosure,
  ClientSocket,
  ClientSocketHandler,
  SocketInfo,
  Transport,
} from '../transports/transport.ts';
import type { HandoverLink } from './handover-link.ts';
import type { PredecessorMessage, SuccessorMessage } from './handover-messages.ts';

/** Operations on a socket, in this process or in the predecessor. */
type Target = Pick<ClientSocket, 'sendFrame' | 'ping' | 'setPaused' | 'close' | 'destroy'>;

/** Objects that relayed sockets share. */
export interface RelayContext {
  readonly link: HandoverLink<SuccessorMessage, PredecessorMessage>;
  readonly transport: Pick<Transport, 'frame'>;
}

/**
 * The socket of a client whose connection is in the predecessor. Output is sent there. While the connection moves,
 * output is held; then it goes to the adopted socket.
 */
export class RelayedSocket implements ClientSocket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly listenPort: number;
  readonly packedRequest: Buffer | undefined;
  readonly #context: RelayContext;
  #target: Target | undefined;
  #held: ((target: Target) => void)[] | undefined = [];
  #heldBytes = 0;
  #handler: ClientSocketHandler | undefined;

  /** Output is held until `relay` is called. */
  constructor(info: SocketInfo, context: RelayContext) {
    this.remoteAddress = info.remoteAddress;
    this.remotePort = info.remotePort;
    this.listenPort = info.listenPort;
    this.packedRequest = info.packedRequest;
    this.#context = context;
  }

  get request(): ClientRequest | undefined {
    return this.packedRequest && unpackClientRequest(this.packedRequest);
  }

  get isRelayed(): boolean {
    return true;
  }

  get pendingBytes(): number {
    return this.#heldBytes;
  }

  get bytesRead(): number {
    return 0;
  }

  get bytesWritten(): number {
    return 0;
  }

  /** Gets `onClose` when the predecessor reports the end of the connection. */
  set handler(handler: ClientSocketHandler) {
    this.#handler = handler;
  }

  /** Starts to hold output. */
  hold(): void {
    this.#held ??= [];
  }

  /** Sends held and further output to the predecessor. */
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

  /** Sends held and further output to the adopted socket. */
  adopt(socket: ClientSocket): void {
    this.#handler = undefined;
    this.#release(socket);
  }

  /** Handles the end of the connection. */
  handleClosed(closure: ClientClosure): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#target = undefined;
    this.#held = undefined;
    this.#heldBytes = 0;
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
    // The predecessor runs the heartbeat.
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
    if (this.#held === undefined) {
      if (this.#target !== undefined) act(this.#target);
      return;
    }
    this.#held.push(act);
    this.#heldBytes += byteLength;
  }

  #release(target: Target): void {
    const held = this.#held ?? [];
    this.#target = target;
    this.#held = undefined;
    this.#heldBytes = 0;
    for (const act of held) act(target);
  }
}
