import type { Logger } from '@gatewayworker/core';
import type { GatewayClient } from '@gatewayworker/gateway-client';
import type { ClosedBy } from '@gatewayworker/protocol';

/** The websocket handshake of a client. */
export interface HandshakeRequest {
  /** Path and query, as the client sent them. */
  readonly url: string;
  /** The part of the URL after `?`. */
  readonly query: URLSearchParams;
  /** Header names are lower-case; repeated headers are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** Cookies by name. */
  readonly cookies: Readonly<Record<string, string>>;
}

/** A client that asks to be let in. */
export interface HandshakeCandidate extends HandshakeRequest {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Name of the gateway that it came to. */
  readonly gatewayName: string;
  /** Port of the listener that it came by. */
  readonly gatewayPort: number;
}

/** Whether a client is let in: with what it then has, or with what it is told. */
export type HandshakeAnswer<Session = Record<string, unknown>> =
  | {
      readonly accept: true;
      /** It is bound to this uid before its first event. */
      readonly uid?: string | number;
      /** Its session before its first event. */
      readonly session?: Session;
      /** It is in these groups before its first event. */
      readonly groups?: readonly string[];
    }
  | {
      readonly accept: false;
      /** HTTP status, 400 to 599. @default 403 */
      readonly status?: number;
      /** Text of the answer, at most 1,024 characters. @default 'refused' */
      readonly reason?: string;
    };

/** How a client connection ended. */
export interface Closed {
  readonly by: ClosedBy;
  /** Close code, where the protocol has one; 1006 when the client went without one. */
  readonly code?: number;
  readonly reason?: string;
}

/** A client, as a callback sees it. It stays valid after an `await` and in a timer. */
export interface Context<Session = Record<string, unknown>> {
  /** 20 characters, unique in the cluster and over restarts. */
  readonly clientId: string;
  /** The uid it is bound to. */
  readonly uid: string | undefined;
  /**
   * A plain object that is kept at the gateway; `undefined` until it is set. Change it or replace it
   * within a callback: what changed, at whatever depth, is stored when the callback settles.
   *
   * @throws {TypeError} when it is set to anything but a plain object or `undefined`
   */
  session: Session | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Name of the gateway that holds the client. */
  readonly gatewayName: string;
  /** Port of the listener that the client came by. */
  readonly gatewayPort: number;
  /** The handshake; `undefined` when the protocol has none. */
  readonly request: HandshakeRequest | undefined;
  /** True when an earlier worker may have handled this event already. */
  readonly redelivered: boolean;
  /** How the connection ended; `undefined` until `onClose`. */
  readonly closed: Closed | undefined;
  /**
   * Sends to this client: a string as text, bytes as binary.
   *
   * @returns false when it was not handed to a live link
   * @throws {TypeError} when the data is neither
   */
  send(data: string | Uint8Array): boolean;
}

/** The worker process, as `onWorkerStart` and `onWorkerStop` see it. */
export interface WorkerInfo {
  /** Number of the process within its declaration, from 0. */
  readonly id: number;
  /** Name of the declaration. */
  readonly name: string;
  readonly logger: Logger;
  /** The Gateway API, the same as the `gateway` export. */
  readonly gateway: GatewayClient;
  /**
   * Aborted as soon as the process is to end, in a reload or a stop: before the callbacks that run have
   * finished, and before `onWorkerStop`. For whatever may wait for long.
   */
  readonly signal: AbortSignal;
}

/** Where a callback failed. */
export interface EventErrorInfo {
  /** Name of the callback. */
  readonly event: string;
  /** `undefined` when the callback was not about a client. */
  readonly clientId: string | undefined;
}

/**
 * What an application does. Every callback is optional and may be async: events of one client are
 * handled one at a time, in order, to completion; those of different clients run concurrently.
 */
export interface EventHandler<Session = Record<string, unknown>> {
  /** Once per process, after its links to every known gateway are up. A throw makes the start fail. */
  onWorkerStart?(worker: WorkerInfo): void | Promise<void>;
  /**
   * Websocket only, before the client is let in: whom it refuses never gets a socket. It has the
   * `handshakeTimeoutMs` of the gateway; an error refuses with 500, an answer that is too late with 503.
   */
  onHandshake?(
    request: HandshakeCandidate,
  ): HandshakeAnswer<Session> | Promise<HandshakeAnswer<Session>>;
  /** The client is usable. */
  onConnect?(clientId: string, ctx: Context<Session>): void | Promise<void>;
  /** Directly after `onConnect`, websocket only, even if that failed; `request` is `ctx.request`. */
  onWebSocketConnect?(
    clientId: string,
    request: HandshakeRequest,
    ctx: Context<Session>,
  ): void | Promise<void>;
  /** One complete message: text as a string, binary as a Buffer. */
  onMessage?(
    clientId: string,
    message: string | Buffer,
    ctx: Context<Session>,
  ): void | Promise<void>;
  /** Once for every client that had `onConnect`, whatever ended it; `ctx.closed` tells. */
  onClose?(clientId: string, ctx: Context<Session>): void | Promise<void>;
  /** Before a clean end of the process. */
  onWorkerStop?(worker: WorkerInfo): void | Promise<void>;
  /** Another callback threw or rejected. Without it the error is logged. */
  onError?(error: unknown, info: EventErrorInfo): void | Promise<void>;
}
