/** Commands that move the session of a client between gateways, by way of its worker. */
export const sessionCommands = {
  /** A client wants to resume at this gateway: is the session at this worker? Every worker is asked. */
  SessionClaim: {
    number: 0xa0,
    direction: 'gateway → worker',
    fields: { requestId: 'u32', clientId: 'shortString', secret: 'bytes' },
  },
  /** The answer to SessionClaim. */
  SessionFound: {
    number: 0xa1,
    direction: 'worker → gateway',
    fields: {
      requestId: 'u32',
      /** True when the worker has the session. */
      isKnown: 'boolean',
      /** Absent when the secret is wrong, or the session cannot be moved. */
      state: 'SessionState?',
    },
  },
  /** The client has resumed elsewhere: the gateway must forget it and send its session. */
  SessionRelease: {
    number: 0xa2,
    direction: 'worker → gateway',
    fields: {
      /** 0 for no answer. */
      requestId: 'u32',
      connection: 'u32',
      nonceHigh: 'u32',
      nonceLow: 'u32',
      /** What the client has sent; empty for no check. */
      secret: 'bytes',
    },
  },
  /** The answer to SessionRelease; with the request id 0 the gateway stops, and the worker must find another one. */
  SessionReleased: {
    number: 0xa3,
    direction: 'gateway → worker',
    fields: {
      requestId: 'u32',
      connection: 'u32',
      /** Absent when the client is gone or the secret is wrong. */
      state: 'SessionState?',
    },
  },
  /** The worker has the session of a gateway that is gone: this gateway must park it and attach it to the worker. */
  SessionPark: {
    number: 0xa4,
    direction: 'worker → gateway',
    fields: { state: 'SessionState' },
  },
  /** The client has a new secret. */
  SessionSecret: {
    number: 0xa5,
    direction: 'gateway → worker',
    fields: { connection: 'u32', secret: 'bytes', previousSecret: 'bytes?' },
  },
  /** A client that can resume has joined a group. */
  GroupJoined: {
    number: 0xa6,
    direction: 'gateway → worker',
    layout: 'u32 connection, rest group',
  },
  /** A client that can resume has left a group. */
  GroupLeft: { number: 0xa7, direction: 'gateway → worker', layout: 'u32 connection, rest group' },
} as const;
