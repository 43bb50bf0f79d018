import type { Logger } from '@gatewayworker/core';
import type { GatewayClient } from '@gatewayworker/gateway-client';
import type { ClosedBy } from '@gatewayworker/protocol';

/** The websocket handshake of a client. */
export interface HandshakeRequest {
  /** Path and query, as sent by the client. */
  readonly url: string;
  /** The part of the URL after `?`. */
  readonly query: URLSearchParams;
  /** Header names are lower-case; repeated headers are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Cookies by name. */
  readonly cookies: Readonly<Record<string, string>>;
  /** The token of a client with the client protocol; `undefined` for any other client, and in `ctx.request`. */
  readonly token?: string | undefined;
}

/** A client in its handshake, before it is admitted. */
export interface HandshakeCandidate extends HandshakeRequest {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Name of the gateway that it connects to. */
  readonly gatewayName: string;
  /** Port of the listener that it connects to. */
  readonly gatewayPort: number;
}

/** Decision about a client: accept it, with an initial state, or refuse it, with an HTTP response. */
export type HandshakeAnswer<Session = Record<string, unknown>> =
  | {
      readonly accept: true;
      /** The uid of the client, set before its first event. */
      readonly uid?: string | number;
      /** The session of the client, set before its first event. */
      readonly session?: Session;
      /** The groups of the client, joined before its first event. */
      readonly groups?: readonly string[];
    }
  | {
      readonly accept: false;
      /** HTTP status, 400 to 599. @default 403 */
      readonly status?: number;
      /** Body of the response, at most 1,024 characters. @default 'refused' */
      readonly reason?: string;
    };

/** How a client connection ended. */
export interface Closed {
  readonly by: ClosedBy;
  /** Close code, if the protocol has close codes; 1006 when the client disconnected without one. */
  readonly code?: number;
  readonly reason?: string;
}

/** The client of a callback. It stays valid after an `await` and in a timer. */
export interface Context<Session = Record<string, unknown>> {
  /** 20 characters, unique in the cluster and across restarts. */
  readonly clientId: string;
  /** The uid that the client is bound to. */
  readonly uid: string | undefined;
  /**
   * A plain object that the gateway stores; `undefined` until it is set. Change or replace it within a callback:
   * changes at any depth are stored when the callback settles.
   *
   * @throws {TypeError} when it is set to anything but a plain object or `undefined`
   */
  session: Session | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Name of the gateway that holds the client. */
  readonly gatewayName: string;
  /** Port of the listener that the client connected to. */
  readonly gatewayPort: number;
  /** The websocket handshake; `undefined` for other protocols. */
  readonly request: HandshakeRequest | undefined;
  /** True when another worker may already have handled this event. */
  readonly redelivered: boolean;
  /** How the connection ended; `undefined` until `onClose`. */
  readonly closed: Closed | undefined;
  /**
   * Sends to this client: a string as text, bytes as binary.
   *
   * @returns false when it could not be queued for a live link
   * @throws {TypeError} when the data is neither a string nor bytes
   */
  send(data: string | Uint8Array): boolean;
}

/** How a client has resumed. */
export interface ResumeInfo {
  /** Time for which it had no connection, in milliseconds; 0 if the previous one seemed alive. */
  readonly awayMs: number;
}

/** The worker process, for `onWorkerStart` and `onWorkerStop`. */
export interface WorkerInfo {
  /** Number of the process within its declaration, from 0. */
  readonly id: number;
  /** Name of the declaration. */
  readonly name: string;
  readonly logger: Logger;
  /** The Gateway API, the same as the `gateway` export. */
  readonly gateway: GatewayClient;
  /**
   * Aborted at the start of a stop or a reload, before running callbacks have finished and before `onWorkerStop`. Use
   * it to end long waits.
   */
  readonly signal: AbortSignal;
}

/** The callback that failed. */
export interface EventErrorInfo {
  /** Name of the callback. */
  readonly event: string;
  /** `undefined` when the callback does not concern a client. */
  readonly clientId: string | undefined;
}

/**
 * The callbacks of an application. Each is optional and may be async. Callbacks of one client run one at a time and in
 * order; callbacks of different clients run concurrently.
 */
export interface EventHandler<Session = Record<string, unknown>> {
  /** Called once per process, after the links to all known gateways are up. If it throws, the start fails. */
  onWorkerStart?(worker: WorkerInfo): void | Promise<void>;
  /**
   * Websocket only. Called before the client is admitted: a refused client gets an HTTP response, not a websocket.
   * It must settle within `handshakeTimeoutMs` of the gateway. If it fails, the status is 500; if it is late, 503.
   */
  onHandshake?(
    request: HandshakeCandidate,
  ): HandshakeAnswer<Session> | Promise<HandshakeAnswer<Session>>;
  /** Called when a client has connected. */
  onConnect?(clientId: string, ctx: Context<Session>): void | Promise<void>;
  /** Websocket only. Called after `onConnect`, even if that failed; `request` is `ctx.request`. */
  onWebSocketConnect?(
    clientId: string,
    request: HandshakeRequest,
    ctx: Context<Session>,
  ): void | Promise<void>;
  /** Called with each complete message: text as a string, binary as a Buffer. */
  onMessage?(
    clientId: string,
    message: string | Buffer,
    ctx: Context<Session>,
  ): void | Promise<void>;
  /**
   * Called with each request of a client with the client protocol: returns the result, a value for JSON or bytes. To fail
   * the request, it throws a `RequestError`; any other error is reported, and the client gets the code `internal`.
   *
   * @param data - the value of its JSON, or a Buffer
   */
  onRequest?(clientId: string, type: string, data: unknown, ctx: Context<Session>): unknown;
  /**
   * Called when a client with the client protocol has lost its connection. It can resume within `resume.windowMs` of the
   * gateway; otherwise `onClose` follows.
   */
  onDrop?(clientId: string, ctx: Context<Session>): void | Promise<void>;
  /**
   * Called when a client is connected again, before it gets the messages that it has missed. `false` refuses: the session
   * ends with `onClose`, and the client starts a new one.
   */
  onResume?(clientId: string, ctx: Context<Session>, info: ResumeInfo): unknown;
  /** Called once for each client that had `onConnect`. `ctx.closed` has the cause. */
  onClose?(clientId: string, ctx: Context<Session>): void | Promise<void>;
  /** Called before an orderly end of the process. */
  onWorkerStop?(worker: WorkerInfo): void | Promise<void>;
  /** Called when another callback has thrown or rejected. Without this callback the error is logged. */
  onError?(error: unknown, info: EventErrorInfo): void | Promise<void>;
}
