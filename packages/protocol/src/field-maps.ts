/** Role of the process that dials a link. */
export const DialerRole = { Gateway: 'gateway', Worker: 'worker', Client: 'client' } as const;
export type DialerRole = (typeof DialerRole)[keyof typeof DialerRole];

/** Role of the process that accepts a link. */
export const AcceptorRole = { Register: 'register', Gateway: 'gateway' } as const;
export type AcceptorRole = (typeof AcceptorRole)[keyof typeof AcceptorRole];

/** The side that ended a client connection, and why. */
export const ClosedBy = {
  /** The client or its network closed it. */
  Client: 'client',
  /** `closeClient`, `destroyClient`, `closeUid`, or the stop of the gateway. */
  Server: 'server',
  /** The client sent nothing for too long. */
  Heartbeat: 'heartbeat',
  /** The client violated its protocol. */
  Protocol: 'protocol',
  /** The client is a slow consumer. */
  Overflow: 'overflow',
  /** The gateway process that held the connection is gone. */
  GatewayLost: 'gateway-lost',
} as const;
export type ClosedBy = (typeof ClosedBy)[keyof typeof ClosedBy];

/**
 * Maps that are fields of messages, and the types of their own fields.
 *
 * The type of a field is one of `FieldTypes` in `messages.ts`, which has the maps of this table too. After
 * it, `[]` makes a list, `{}` a map from any string to that type, and `?` a field that may be absent.
 */
export const fieldMaps = {
  /** The link that a dialer resumes, and how much of it has arrived. */
  LinkPosition: {
    /** The `linkId` of the Welcome. */
    linkId: 'shortString',
    /** Bytes of frames received over the link, without those of the handshake. */
    received: 'position',
  },
  /** A live gateway process. */
  GatewayEntry: {
    /** Inner address, `host:port`. */
    address: 'shortString',
    /** Random id of the process, new at every start. */
    instanceId: 'shortString',
    gatewayToken: 'u32',
    name: 'shortString',
  },
  /** The websocket handshake of a client. */
  ClientRequest: {
    /** Path and query, as the client sent them. */
    url: 'string',
    /** Names are lower-case; repeated headers are joined by `, `. */
    headers: 'string{}',
  },
  /** The numbers of a client id without its gateway. */
  ConnectionAddress: { connection: 'u32', nonceHigh: 'u32', nonceLow: 'u32' },
  /**
   * Changes of an object by key, at any depth, so that processes that change different keys lose nothing.
   *
   * `remove` deletes keys, then `set` stores values, then `merge` applies a delta to the object of each
   * key; a value that is not an object is replaced by an empty one first.
   */
  ObjectDelta: { remove: 'string[]', set: 'any{}', merge: 'ObjectDelta{}' },
  /** Changes of a session: `unset` removes the session; else `clear` deletes every key before the rest. */
  SessionDelta: {
    remove: 'string[]',
    set: 'any{}',
    merge: 'ObjectDelta{}',
    unset: 'boolean',
    clear: 'boolean',
  },
  /** The packed map of ApplySessionDelta. */
  PackedDelta: { delta: 'SessionDelta' },
  /** The session of a client that exists; absent when it was never set. */
  SessionAnswer: { session: 'packed?' },
} as const;
