/**
 * First byte of every frame. `docs/protocol.md` draws each body.
 *
 * A number is never given a second meaning; a receiver ignores numbers it does not know.
 */
export const Command = {
  // Any link, while it is being set up. The dialer speaks first.
  Hello: 0x01, // dialer -> acceptor
  Challenge: 0x02, // acceptor -> dialer
  Proof: 0x03, // dialer -> acceptor
  Welcome: 0x04, // acceptor -> dialer
  Refusal: 0x05, // either; the sender then closes

  // Any link, at any time after.
  Ping: 0x08, // either
  Pong: 0x09, // either, in answer to Ping
  Received: 0x0a, // either, on a link that can be resumed
  GoAway: 0x0b, // either; the sender then closes

  // Register links.
  GatewayAnnouncement: 0x10, // gateway -> register
  GatewayList: 0x11, // register -> worker or client
  WorkerList: 0x12, // register -> gateway

  // Events of clients.
  ClientAttached: 0x20, // gateway -> worker
  ClientConnected: 0x21, // gateway -> worker
  ClientMessage: 0x22, // gateway -> worker
  ClientClosed: 0x23, // gateway -> worker
  SessionChanged: 0x24, // gateway -> worker
  UidChanged: 0x25, // gateway -> worker
  HandshakeRequest: 0x26, // gateway -> worker
  ClientDetached: 0x27, // gateway -> worker
  EventsAck: 0x28, // worker -> gateway
  WorkerReady: 0x29, // worker -> gateway
  HandshakeResponse: 0x2a, // worker -> gateway
  ClientsEnded: 0x2d, // worker -> gateway
  WorkerDraining: 0x2b, // worker -> gateway
  WorkerDrained: 0x2c, // gateway -> worker, in answer to WorkerDraining

  // Commands, from a worker or a client of the Gateway API to a gateway.
  SendToClient: 0x40,
  SendToClients: 0x41,
  SendToAll: 0x42,
  SendToUids: 0x43,
  SendToGroups: 0x44,
  CloseClient: 0x48,
  DestroyClient: 0x49,
  CloseUid: 0x4a,
  CloseGroup: 0x4b,
  BindUid: 0x50,
  UnbindUid: 0x51,
  JoinGroup: 0x52,
  LeaveGroup: 0x53,
  Ungroup: 0x54,
  SetSession: 0x58,
  UpdateSession: 0x59,
  ApplySessionDelta: 0x5a,

  // Queries, from a worker or a client of the Gateway API to a gateway, and their answers.
  Query: 0x60,
  QueryAnswer: 0x61, // gateway -> asker
  QueryFailure: 0x62, // gateway -> asker
  QueryPart: 0x63, // gateway -> asker, before QueryAnswer

  // Which uids and groups have members at a gateway, for a worker or a client of the Gateway API.
  InterestSubscribe: 0x70,
  InterestAdded: 0x71, // gateway -> asker
  InterestRemoved: 0x72, // gateway -> asker
  InterestKnown: 0x73, // gateway -> asker
  JoinsApplied: 0x74, // gateway -> asker

  // Between a gateway and its successor, over a pipe of their own.
  Handover: 0x80, // either
} as const;

/** First byte of a frame. */
export type Command = (typeof Command)[keyof typeof Command];
