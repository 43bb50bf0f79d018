import type { SessionDelta } from './session-delta.ts';

/** Version of the inner protocol. Peers of different versions do not link. */
export const PROTOCOL_VERSION = 3;

/** What a process is to the one it dials. */
export const DialerRole = { Gateway: 'gateway', Worker: 'worker', Client: 'client' } as const;
export type DialerRole = (typeof DialerRole)[keyof typeof DialerRole];

/** What a process is to the one that dials it. */
export const AcceptorRole = { Register: 'register', Gateway: 'gateway' } as const;
export type AcceptorRole = (typeof AcceptorRole)[keyof typeof AcceptorRole];

/** Who ended a client connection, and why. */
export const ClosedBy = {
  /** The client closed it, or its network did. */
  Client: 'client',
  /** `closeClient`, `destroyClient`, `closeUid`, or the stop of the gateway. */
  Server: 'server',
  /** The client was silent for too long. */
  Heartbeat: 'heartbeat',
  /** The client broke the rules of its protocol. */
  Protocol: 'protocol',
  /** The client read too slowly. */
  Overflow: 'overflow',
  /** The gateway process that held the connection is gone. */
  GatewayLost: 'gateway-lost',
} as const;
export type ClosedBy = (typeof ClosedBy)[keyof typeof ClosedBy];

/** Where a link that broke is to go on. */
export interface LinkPosition {
  /** What the acceptor called the link in its Welcome. */
  readonly linkId: string;
  /** Bytes of frames that the dialer has received over the link, those of the handshake not counted. */
  readonly received: number;
}

/** First frame of a link: the dialer names itself. */
export interface Hello {
  readonly type: 'hello';
  readonly version: number;
  readonly role: DialerRole;
  /** Random id of the process, new at every start. */
  readonly instanceId: string;
  /** Name of its declaration, for logs. */
  readonly name: string;
  /** Number of the process within its declaration, from 0. */
  readonly id: number;
  /** 32 random bytes. */
  readonly nonce: Uint8Array;
  /** The link that it would go on with; `undefined` asks for a new one. */
  readonly resume?: LinkPosition | undefined;
}

/** The acceptor names itself, and says what is to be proved. It proves nothing to who has not. */
export interface Challenge {
  readonly type: 'challenge';
  readonly version: number;
  readonly role: AcceptorRole;
  readonly instanceId: string;
  /** 32 random bytes. */
  readonly nonce: Uint8Array;
}

/** The dialer proves that it knows the secret key. */
export interface Proof {
  readonly type: 'proof';
  /** 32 bytes of HMAC-SHA-256, by the dialer's first key. */
  readonly proof: Uint8Array;
  /** The same by its other keys. */
  readonly otherProofs?: readonly Uint8Array[] | undefined;
}

/** The acceptor proves that it knows the key by which the dialer did: the link is up. */
export interface Welcome {
  readonly type: 'welcome';
  /** 32 bytes of HMAC-SHA-256. */
  readonly proof: Uint8Array;
  /** Name of the acceptor's declaration. */
  readonly name: string;
  /** Number of the acceptor's process within its declaration, from 0. */
  readonly id: number;
  /** First field of the ids of its clients; 0 when the acceptor is no gateway. */
  readonly gatewayToken: number;
  /** Name by which a new link can be resumed when it breaks; `undefined` when it cannot. */
  readonly linkId?: string | undefined;
  /** Bytes of frames that the acceptor has received over the link that goes on; `undefined` when this is a new one. */
  readonly resumedAt?: number | undefined;
}

/** The link will not be; the sender closes. */
export interface Refusal {
  readonly type: 'refusal';
  readonly code: string;
  readonly message: string;
}

/** A live gateway process, as the register knows it. */
export interface GatewayEntry {
  /** Where workers dial it, `host:port`. */
  readonly address: string;
  /** Random id of the process, new at every start. */
  readonly instanceId: string;
  readonly gatewayToken: number;
  readonly name: string;
}

/** A gateway tells the register where workers reach it. */
export interface GatewayAnnouncement {
  readonly type: 'gatewayAnnouncement';
  readonly gateway: GatewayEntry;
  /** True when it has announced itself at this address before. */
  readonly isAgain: boolean;
}

/** The register tells every live gateway; it replaces the list sent before. */
export interface GatewayList {
  readonly type: 'gatewayList';
  readonly gateways: readonly GatewayEntry[];
}

/** The register tells gateways which workers are linked to it; it replaces the list sent before. */
export interface WorkerList {
  readonly type: 'workerList';
  /** Random ids of the processes. */
  readonly instanceIds: readonly string[];
}

/** The websocket handshake of a client. */
export interface ClientRequest {
  /** Path and query, as the client sent them. */
  readonly url: string;
  /** Header names are lower-case; repeated headers are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The worker now has this client: everything about it that does not change from event to event. */
export interface ClientAttached {
  readonly type: 'clientAttached';
  readonly connection: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Port of the listener the client came by. */
  readonly gatewayPort: number;
  /** The `ClientRequest` as msgpack; `undefined` when the protocol has no handshake. */
  readonly request: Uint8Array | undefined;
  readonly uid: string | undefined;
  /** The session as msgpack; `undefined` when it was never set. */
  readonly session: Uint8Array | undefined;
}

/** A client asks to be let in, and this worker has a say. */
export interface HandshakeRequest {
  readonly type: 'handshakeRequest';
  readonly requestId: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Port of the listener the client came by. */
  readonly gatewayPort: number;
  /** The `ClientRequest` as msgpack. */
  readonly request: Uint8Array;
}

/** Whether a client is let in: with what it then has, or with what it is told. */
export interface HandshakeDecision {
  readonly isAccepted: boolean;
  /** HTTP status of a refusal. */
  readonly status: number;
  /** What a refused client reads. */
  readonly reason: string;
  readonly uid: string | undefined;
  /** Session as msgpack; `undefined` sets none. */
  readonly session: Uint8Array | undefined;
  readonly groups: readonly string[];
}

/** The answer to `HandshakeRequest`. */
export interface HandshakeResponse extends HandshakeDecision {
  readonly type: 'handshakeResponse';
  readonly requestId: number;
}

/** The last event of a client. */
export interface ClientClosed {
  readonly type: 'clientClosed';
  readonly connection: number;
  readonly by: ClosedBy;
  readonly code: number | undefined;
  readonly reason: string | undefined;
  /** True when an earlier worker may have handled it. */
  readonly isRedelivered: boolean;
}

/** Somebody else changed the session of a client of this worker. */
export interface SessionChanged {
  readonly type: 'sessionChanged';
  readonly connection: number;
  /** How many of this worker's own changes the gateway applied before this one. */
  readonly appliedChanges: number;
  readonly delta: SessionDelta;
}

/** A client of this worker was bound to a uid or unbound. */
export interface UidChanged {
  readonly type: 'uidChanged';
  readonly connection: number;
  /** How many of this worker's own changes of it the gateway applied up to this one. */
  readonly appliedChanges: number;
  readonly uid: string | undefined;
}

/** A question to a gateway. `Q` is one of the queries of `query.ts`. */
export interface QueryMessage<Q> {
  readonly type: 'query';
  readonly requestId: number;
  readonly query: Q;
}

/** The answer to a query. */
export interface QueryAnswer {
  readonly type: 'queryAnswer';
  readonly requestId: number;
  readonly answer: unknown;
}

/** A part of an answer that is a list; `QueryAnswer` has the last one. */
export interface QueryPart {
  readonly type: 'queryPart';
  readonly requestId: number;
  readonly part: readonly unknown[];
}

/** The gateway could not answer a query. */
export interface QueryFailure {
  readonly type: 'queryFailure';
  readonly requestId: number;
  readonly code: string;
  readonly message: string;
}
