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
  /** The client could resume, and did not come back within the window. */
  Expired: 'expired',
} as const;
export type ClosedBy = (typeof ClosedBy)[keyof typeof ClosedBy];

/** What is known about a message at one client. */
export const ReceiptOutcome = {
  /** The client has received it. */
  Received: 'received',
  /** The application at the client has handled it. */
  Handled: 'handled',
  /** The client is connected and has not answered in time. */
  Timeout: 'timeout',
  /** The client has no connection; it gets the message if it resumes. */
  Away: 'away',
  /** The client ended, or is a slow consumer that did not get the message. */
  Dropped: 'dropped',
  /** The client cannot answer: it does not have the client protocol. */
  Raw: 'raw',
  /** Between processes: another gateway will report it. */
  Moved: 'moved',
} as const;
export type ReceiptOutcome = (typeof ReceiptOutcome)[keyof typeof ReceiptOutcome];

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
  /** A group of a client that resumes. */
  GroupAge: {
    group: 'string',
    /** Time since the client joined the group, in milliseconds. */
    ageMs: 'u32',
  },
  /** What a worker keeps of a client that can resume, for the case that its gateway dies. */
  ResumableInfo: {
    clientId: 'shortString',
    /** Number of moves of the session; a lower one is outdated. */
    generation: 'u32',
    secret: 'bytes',
    previousSecret: 'bytes?',
    /** Highest number of a message that the client has sent. */
    received: 'position',
    /** Time for which a client without a connection can resume, in milliseconds. */
    windowMs: 'u32',
    /** Age of the session, in milliseconds. */
    ageMs: 'u32',
    uidAgeMs: 'u32',
    groups: 'GroupAge[]',
  },
  /** The session of a client that moves to another gateway. */
  SessionState: {
    info: 'ResumableInfo',
    uid: 'string?',
    session: 'packed?',
    request: 'packed?',
    remoteAddress: 'string',
    remotePort: 'u32',
    gatewayPort: 'u32',
    /** True when the application knows that the client has no connection. */
    isParked: 'boolean',
    /** Time since the client lost its connection, in milliseconds. */
    awayMs: 'u32',
  },
  /** A place in the lane of a caller. */
  SourcePosition: {
    /** Random id of the lane, never 0. */
    source: 'u32',
    offset: 'position',
  },
  /** The receipt of a client. */
  ReceiptOfDevice: {
    clientId: 'shortString',
    outcome: 'ReceiptOutcome',
    /** Time from the send to the outcome, in milliseconds. */
    ms: 'u32',
    /** What the client has added to its receipt. */
    value: 'string',
  },
  /** The clients of a uid at one gateway. */
  UidPresence: {
    /** True when a client of the uid is connected. */
    isOnline: 'boolean',
    /** True when a client of the uid is parked. */
    isParked: 'boolean',
    /** Time since the last connection of the uid ended, in milliseconds; absent if the gateway knows of none. */
    agoMs: 'position?',
  },
  /** The websocket handshake of a client. */
  ClientRequest: {
    /** Path and query, as the client sent them. */
    url: 'string',
    /** Names are lower-case; repeated headers are joined by `, `. */
    headers: 'string{}',
    /** Token of a client with the client protocol; only in a HandshakeRequest. */
    token: 'string?',
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
