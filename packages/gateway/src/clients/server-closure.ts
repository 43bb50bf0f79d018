import { CloseCode, ClosedBy } from '@gatewayworker/protocol';

/** How a gateway ends a connection: the value of `ctx.closed`, and the close frame of a websocket. */
export interface ServerClosure {
  readonly by: ClosedBy;
  readonly code: number;
  readonly reason: string;
}

/**
 * The closures that the gateway itself decides. Each has its own code and reason, so that one can change without the
 * others. `docs/close-codes.md` lists them.
 */
export const ServerClosure: Readonly<
  Record<
    | 'ServerStops'
    | 'TooManyMessages'
    | 'InternalError'
    | 'Reconnect'
    | 'SlowConsumer'
    | 'NoWorker'
    | 'WindowOver',
    ServerClosure
  >
> = {
  /** The gateway process stops. */
  ServerStops: { by: ClosedBy.Server, code: CloseCode.GoingAway, reason: 'the server stops' },
  /** The client sent more than `maxMessagesPerSecond`. */
  TooManyMessages: {
    by: ClosedBy.Protocol,
    code: CloseCode.PolicyViolation,
    reason: 'too many messages',
  },
  /** An exception while the client was served. */
  InternalError: { by: ClosedBy.Server, code: CloseCode.InternalError, reason: 'internal error' },
  /**
   * The client may reconnect at once, to another process or a new one. A random wait within these seconds keeps the
   * clients from reconnecting all at the same time.
   */
  Reconnect: { by: ClosedBy.Server, code: CloseCode.ServiceRestart, reason: 'retry in 1-5 s' },
  /** At least `sendToClientBufferSize` bytes for the client are unsent. */
  SlowConsumer: {
    by: ClosedBy.Overflow,
    code: CloseCode.TryAgainLater,
    reason: 'reads too slowly',
  },
  /** Events of the client waited `maxHeldMs` for a worker. */
  NoWorker: { by: ClosedBy.Server, code: CloseCode.TryAgainLater, reason: 'no worker is ready' },
  /** The client was parked for longer than the window; it has no connection, so no client receives this. */
  WindowOver: { by: ClosedBy.Expired, code: CloseCode.SessionOver, reason: 'the window is over' },
};
