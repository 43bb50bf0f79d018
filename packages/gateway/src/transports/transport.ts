import type { Guarded } from '@gatewayworker/core';
import type { ClientRequest, ClosedBy } from '@gatewayworker/protocol';
import type { SocketHandle } from './socket-handle.ts';

/** How a client connection ended. */
export interface ClientClosure {
  readonly by: ClosedBy;
  /** Close code, where the protocol has one. */
  readonly code: number | undefined;
  readonly reason: string | undefined;
}

/** What a socket tells the gateway. Calls come in this order: messages, then one closure. */
export interface ClientSocketHandler {
  /** One complete message; the bytes are valid during the call. */
  onMessage(payload: Buffer, isBinary: boolean): void;
  /** The socket is closed. */
  onClose(closure: ClientClosure): void;
}

/** A connection that a socket has given away, and what another process needs to go on with it. */
export interface ReleasedSocket {
  readonly handle: SocketHandle;
  /** What came from the client and was not passed on. */
  readonly unread: Buffer;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** What was told of the client until now. */
  readonly handler: ClientSocketHandler | undefined;
}

/** Why a connection is not given away: it cannot now, or never. */
export type ReleaseRefusal = 'later' | 'never';

/** What does not change about a client while it is connected. */
export interface SocketFacts {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Port of the listener it came by. */
  readonly listenPort: number;
  /** See `ClientSocket.packedRequest`. */
  readonly packedRequest: Buffer | undefined;
}

/** A connection that another process has released. */
export interface MovedSocket extends SocketFacts, Omit<ReleasedSocket, 'handle' | 'handler'> {
  readonly handle: object;
}

/** One client's socket, whatever protocol it speaks. Sends leave at the end of the turn. */
export interface ClientSocket extends Guarded, SocketFacts {
  /** The handshake; `undefined` when the protocol has none. It is read anew each time. */
  readonly request: ClientRequest | undefined;
  /** The handshake as msgpack: workers get it as it is. */
  readonly packedRequest: Buffer | undefined;
  /** True while another process holds the connection, and looks after its heartbeat. */
  readonly isRelayed: boolean;
  /** Bytes that were sent and that the kernel has not taken. */
  readonly pendingBytes: number;
  /** Bytes that came from the client, of the protocol's own too. */
  readonly bytesRead: number;
  /** Bytes that the socket took for the client, of the protocol's own too. */
  readonly bytesWritten: number;
  /** Sends bytes that the transport framed with `frame`; they may be shared and never change. */
  sendFrame(frame: Buffer): void;
  /** Frames and sends `source[start, end)`, which may change after the call. */
  sendMessage(source: Buffer, start: number, end: number, isBinary: boolean): void;
  /** Writes what was sent without waiting for the end of the turn, as far as the kernel takes it. */
  flush(): void;
  /** Asks the client for a sign of life, where the protocol has such a thing. */
  ping(): void;
  /** Stops reading from the client, or goes on. */
  setPaused(isPaused: boolean): void;
  /** Sends what is queued, says goodbye as the protocol does, and closes. `by` is what `onClose` then tells. */
  close(by: ClosedBy, code: number, reason: string): void;
  /** Closes at once and drops what is queued. */
  destroy(by: ClosedBy): void;
  /** Closes it because something of it has thrown; its handler gets the end, also when that threw before. */
  fail(error: Error): void;
  /**
   * Gives the connection away, and tells its handler nothing more. It cannot while the kernel takes nothing, in
   * the middle of a frame, or once it closes; never with TLS or compression, whose state would stay behind.
   */
  release(): ReleasedSocket | ReleaseRefusal;
}

/** A client that asks to be let in. */
export interface ClientCandidate {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The handshake; `undefined` when the protocol has none. */
  readonly request: ClientRequest | undefined;
}

/** The client is let in. */
export interface Admission {
  readonly isAccepted: true;
  /** Called once, when the client is usable; never, when it went before that. */
  onClient(socket: ClientSocket): ClientSocketHandler;
}

/** The client is not let in. A protocol without a handshake just closes. */
export interface Refusal {
  readonly isAccepted: false;
  /** HTTP status, 400 to 599. */
  readonly status: number;
  readonly reason: string;
}

/** What the gateway tells a transport. */
export interface TransportHandler {
  /**
   * Asked once for each client, before it is let in. Calls `decide` once: during the call, or later
   * when a worker decides.
   */
  admit(candidate: ClientCandidate, decide: (decision: Admission | Refusal) => void): void;
}

/** A listener for clients of one protocol. */
export interface Transport {
  /** Port it listens on; 0 before `listen`. */
  readonly port: number;
  /** Connections that are in their handshake. */
  readonly handshakes: number;
  /**
   * Listens.
   *
   * @throws {GW_ERR_LISTEN_FAILED} naming the address and the declaration
   */
  listen(handler: TransportHandler): Promise<void>;
  /**
   * Frames a message once for any number of clients of this transport; `undefined` when a protocol of
   * the application's own could not, which is logged.
   */
  frame(payload: Buffer, isBinary: boolean): Buffer | undefined;
  /** Goes on with a client of another process. It reads nothing before `setPaused` is called. */
  adopt(moved: MovedSocket, handler: ClientSocketHandler): ClientSocket;
  /** Listens no more. Those that are connected stay, and handshakes go on. */
  stopListening(): void;
  /** Lets no new client in. Those that are connected stay. */
  stopAccepting(): void;
}
