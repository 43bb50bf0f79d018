/** Commands for sessions that resume: the lane of a caller keeps its sends for clients that are away. */
export const laneCommands = {
  /** The caller numbers and keeps its sends from now on. */
  LaneSubscribe: {
    number: 0x90,
    direction: 'gateway → caller',
    fields: {
      /** Age up to which the caller keeps a send, in milliseconds. */
      maxAgeMs: 'u32',
      /** Bytes up to which the caller keeps its sends. */
      maxBytes: 'position',
    },
  },
  /** The answer: the offset of the last send. Every later send over this link is numbered. */
  LaneStarted: {
    number: 0x91,
    direction: 'caller → gateway',
    layout: 'u32 source, u32 high, u32 low',
  },
  /** A client has resumed: the gateway asks for what the client has not received. */
  ReplayRequest: {
    number: 0x92,
    direction: 'gateway → caller',
    fields: {
      requestId: 'u32',
      clientId: 'shortString',
      connection: 'u32',
      nonceHigh: 'u32',
      nonceLow: 'u32',
      /** Age of the session, in milliseconds. */
      ageMs: 'u32',
      uid: 'string?',
      /** Time since the client was bound to the uid, in milliseconds. */
      uidAgeMs: 'u32',
      groups: 'GroupAge[]',
      /** What the client has received. */
      positions: 'SourcePosition[]',
    },
  },
  /** One send that the client has not received. The number is 0, or that of the request that it answers. */
  Replay: {
    number: 0x93,
    direction: 'caller → gateway',
    layout: 'u32 requestId, u32 source, u32 high, u32 low number, payload',
  },
  /** The end of the answer: live sends follow. */
  ReplayDone: {
    number: 0x94,
    direction: 'caller → gateway',
    fields: {
      requestId: 'u32',
      /** The last offset of each lane of the caller. */
      positions: 'SourcePosition[]',
      /** The highest offset that may be missing, for each lane with evicted sends. */
      gaps: 'SourcePosition[]',
    },
  },
  /** The client with this id is at this gateway, under this address. */
  AliasAdded: {
    number: 0x95,
    direction: 'gateway → caller',
    fields: {
      clientId: 'shortString',
      connection: 'u32',
      nonceHigh: 'u32',
      nonceLow: 'u32',
    },
  },
  /** The alias has ended, if it still leads to this connection of this gateway. */
  AliasRemoved: {
    number: 0x96,
    direction: 'gateway → caller',
    fields: { clientId: 'shortString', connection: 'u32' },
  },
  /** Sends up to this offset may not have reached the gateway, because the link was full. */
  LaneGap: {
    number: 0x97,
    direction: 'caller → gateway',
    layout: 'u32 source, u32 high, u32 low',
  },
  /** A part of the lane of a caller that ends. The gateway passes it on to another caller. */
  LaneTransfer: {
    number: 0x98,
    direction: 'either',
    layout:
      'u32 source, u8 flags, u32 high, u32 low, u32 count, u32 evictedAgeMs, u32 endedAgeMs, send * n',
  },
  /** The caller has the lane of another caller now, whose last offset this is. */
  LaneAdopted: {
    number: 0x99,
    direction: 'caller → gateway',
    layout: 'u32 source, u32 high, u32 low',
  },
  /** How a transfer goes on: 0 declined, 1 the next part may follow, 2 taken. */
  LaneTransferState: { number: 0x9a, direction: 'either', layout: 'u32 source, u8 state' },
} as const;
