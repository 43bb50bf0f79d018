import type { Guarded } from '@gatewayworker/core';
import type { ClientRequest, ClosedBy } from '@gatewayworker/protocol';
import type { SocketHandle } from './socket-handle.ts';
import type { PrefixedSocket } from './websocket-socket.ts';

/** How a client connection ended. */
export interface ClientClosure {
  readonly by: ClosedBy;
  /** Close code, where the protocol has one. */
  readonly code: number | undefined;
  readonly reason: string | undefined;
}

/** Receives the messages of a socket, and then its end, once. */
export interface ClientSocketHandler {
  /** Called for each complete message, `source[start, end)`; the bytes are valid during the call. */
  onMessage(source: Buffer, start: number, end: number, isBinary: boolean): void;
  /** Called when the socket is closed. */
  onClose(closure: ClientClosure): void;
}

/** A connection that was removed from its socket, and the state that another process needs to continue it. */
export interface ReleasedSocket {
  readonly handle: SocketHandle;
  /** Received bytes that are not processed. */
  readonly unread: Buffer;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** The handler until now. */
  readonly handler: ClientSocketHandler | undefined;
}

/** Why a connection cannot be released: not now, or never. */
export type ReleaseRefusal = 'later' | 'never';

/** The immutable properties of a connection. */
export interface SocketInfo {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Port of the listener that accepted it. */
  readonly listenPort: number;
  /** See `ClientSocket.packedRequest`. */
  readonly packedRequest: Buffer | undefined;
}

/** A connection that another process has released. */
export interface MovedSocket extends SocketInfo, Omit<ReleasedSocket, 'handle' | 'handler'> {
  readonly handle: object;
}

/** The socket of one client of any protocol. Output is written at the end of the turn. */
export interface ClientSocket extends Guarded, SocketInfo {
  /** The handshake; `undefined` when the protocol has none. It is unpacked on each access. */
  readonly request: ClientRequest | undefined;
  /** The handshake as msgpack, as workers get it. */
  readonly packedRequest: Buffer | undefined;
  /** True while the predecessor still has the connection; it runs the heartbeat of the client. */
  readonly isRelayed: boolean;
  /** Bytes that are not written to the kernel. */
  readonly pendingBytes: number;
  /** Bytes received from the client, protocol overhead included. */
  readonly bytesRead: number;
  /** Bytes written to the socket, protocol overhead included. */
  readonly bytesWritten: number;
  /** Sends a frame made by `Transport.frame`. It may be shared, and must not change. */
  sendFrame(frame: Buffer): void;
  /** Frames and sends `source[start, end)`, which may change after the call. */
  sendMessage(source: Buffer, start: number, end: number, isBinary: boolean): void;
  /** Writes queued output now, as far as the kernel takes it. */
  flush(): void;
  /** Sends a ping, if the protocol has one. */
  ping(): void;
  /** Pauses or resumes reading from the client. */
  setPaused(isPaused: boolean): void;
  /** Sends queued output and the close frame of the protocol, and closes. `onClose` gets `by`. */
  close(by: ClosedBy, code: number, reason: string): void;
  /** Drops queued output, and closes at once. */
  destroy(by: ClosedBy): void;
  /** Closes it after an exception. The handler gets `onClose`, even if it threw the exception. */
  fail(error: Error): void;
  /**
   * Removes the connection from the socket, without a call of the handler. Not possible while output is pending, within
   * a frame, or while closing; never possible with TLS or compression, whose state cannot be moved.
   */
  release(): ReleasedSocket | ReleaseRefusal;
}

/** A client before its admission. */
export interface ClientCandidate {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The handshake; `undefined` when the protocol has none. */
  readonly request: ClientRequest | undefined;
}

/** The client is admitted. */
export interface Admission {
  readonly isAccepted: true;
  /** True when the application has decided, and `uid` is what it has bound the client to. */
  readonly isIdentified: boolean;
  readonly uid: string | undefined;
  /** Called once, when the client is connected; not called if it disconnects before. */
  onClient(socket: ClientSocket): ClientSocketHandler;
}

/** The client is refused. A protocol without a handshake closes without a response. */
export interface Refusal {
  readonly isAccepted: false;
  /** HTTP status, 400 to 599. */
  readonly status: number;
  readonly reason: string;
}

/** Decides for a transport about its clients. */
export interface TransportHandler {
  /**
   * Called once for each client. It calls `decide` once: during the call, or later when a worker decides.
   */
  admit(candidate: ClientCandidate, decide: (decision: Admission | Refusal) => void): void;
  /** Called for each connection with the client protocol. Its first message decides about the admission. */
  openResumable(connection: PrefixedSocket): ClientSocketHandler;
}

/** A listener for clients of one protocol. */
export interface Transport {
  /** The port; 0 before `listen`. */
  readonly port: number;
  /** Number of connections in their handshake. */
  readonly handshakes: number;
  /**
   * Starts to listen.
   *
   * @throws {GW_ERR_LISTEN_FAILED} naming the address and the declaration
   */
  listen(handler: TransportHandler): Promise<void>;
  /**
   * Frames a message once for any number of clients. Returns `undefined` when a custom protocol fails; the failure is
   * logged.
   */
  frame(payload: Buffer, isBinary: boolean): Buffer | undefined;
  /** Continues a connection of the predecessor. It reads nothing until `setPaused` is called. */
  adopt(moved: MovedSocket, handler: ClientSocketHandler): ClientSocket;
  /** Stops listening. Clients stay connected, and handshakes continue. */
  stopListening(): void;
  /** Stops listening, and ends handshakes. Clients stay connected. */
  stopAccepting(): void;
}
