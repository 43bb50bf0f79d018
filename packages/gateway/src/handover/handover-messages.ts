import type { MovedLink } from '@gatewayworker/core';
import type { ClientRequest, ClosedBy } from '@gatewayworker/protocol';
import type { ClientClosure, SocketFacts } from '../transports/transport.ts';
import type { ClientEvent } from '../workers/client-event.ts';
import type { GatewayAddresses } from './gateway-addresses.ts';

/** Changes when processes of different versions cannot hand over to each other. */
export const HANDOVER_VERSION = 1;

/** Which gateway the successor becomes. */
export interface IdentityRecord {
  readonly version: number;
  readonly instanceId: string;
  readonly gatewayToken: number;
  readonly innerPort: number;
  readonly addresses: GatewayAddresses;
}

/** A worker, as its link has it. */
export interface WorkerRecord {
  readonly decidesHandshakes: boolean;
  readonly redelivers: boolean;
  readonly isReady: boolean;
  readonly isDraining: boolean;
  readonly isDrained: boolean;
  readonly eventsInFlight: number;
  readonly eventBytesInFlight: number;
  readonly lastHandshake: number;
}

/** An inner link. */
export interface LinkRecord extends MovedLink {
  readonly worker: WorkerRecord | undefined;
  readonly joins: number;
  readonly confirmedJoins: number;
  /** Whether its peer has been told all uids, and all groups; `undefined` when it does not follow. */
  readonly areSynced: readonly [uids: boolean, groups: boolean] | undefined;
}

/** What never changes about a client. */
export interface ClientFacts extends SocketFacts {
  readonly connection: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
}

/** What may change about a client. */
export interface ClientRecord {
  readonly connection: number;
  /** Link of the worker that handles its events, or that has not finished the events of one that is gone. */
  readonly linkId: string | undefined;
  /** It is among those that the worker counts as its own. */
  readonly isOfWorker: boolean;
  /** Its worker has events of it, though it is gone. */
  readonly isClosedAtWorker: boolean;
  readonly isUnbound: boolean;
  /** Its socket has closed; only its events are left. */
  readonly isGone: boolean;
  readonly isClosing: boolean;
  readonly isSuppressed: boolean;
  readonly isCloseSuppressed: boolean;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly session: Buffer | undefined;
  readonly appliedChanges: number;
  readonly appliedUidChanges: number;
  readonly eventsInFlight: number;
  readonly eventBytesInFlight: number;
  readonly held: readonly ClientEvent[] | undefined;
  readonly unacknowledged: readonly ClientEvent[] | undefined;
  readonly pauseReasons: number;
}

const clientFields = [
  ...(['connection', 'linkId', 'isOfWorker', 'isClosedAtWorker', 'isUnbound', 'isGone'] as const),
  ...(['isClosing', 'isSuppressed', 'isCloseSuppressed', 'uid', 'groups', 'session'] as const),
  ...(['appliedChanges', 'appliedUidChanges', 'eventsInFlight', 'eventBytesInFlight'] as const),
  ...(['held', 'unacknowledged', 'pauseReasons'] as const),
] satisfies readonly (keyof ClientRecord)[];

/** A record without the names of its fields, which would be most of its bytes. */
export type ClientRow = readonly unknown[];

export function toRow(record: ClientRecord): ClientRow {
  return clientFields.map((field) => record[field]);
}

/** Reads a row; `undefined` when it is none. */
export function parseRow(row: ClientRow): ClientRecord | undefined {
  if (row.length !== clientFields.length) return undefined;
  const entries = clientFields.map((field, index) => [field, row[index]]);
  return Object.fromEntries(entries);
}

/** A candidate whose handshake ends after its gateway has handed over. */
export interface CandidateRecord {
  readonly request: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly handshake: ClientRequest | undefined;
  readonly listenPort: number;
}

/** What the predecessor tells. */
export type PredecessorMessage =
  | { readonly type: 'identity'; readonly identity: IdentityRecord }
  | { readonly type: 'link'; readonly link: LinkRecord }
  /** Facts of clients, ahead of their records. */
  | { readonly type: 'facts'; readonly clients: readonly ClientFacts[] }
  /** Answered once all facts so far have been read. */
  | { readonly type: 'factsTold' }
  | { readonly type: 'clients'; readonly clients: readonly ClientRow[] }
  /** Links and clients are complete. */
  | { readonly type: 'end'; readonly lastConnection: number }
  /** The successor is the gateway from now on. */
  | { readonly type: 'commit' }
  /** Workers dial their links from now on. */
  | { readonly type: 'linksClosed' }
  | {
      readonly type: 'message';
      readonly connection: number;
      readonly payload: Buffer;
      readonly isBinary: boolean;
    }
  | { readonly type: 'closed'; readonly connection: number; readonly closure: ClientClosure }
  | { readonly type: 'candidate'; readonly candidate: CandidateRecord }
  /** The connection of this client is next: nothing is to be sent until it has moved, or stays. */
  | { readonly type: 'moving'; readonly connection: number }
  | { readonly type: 'stays'; readonly connection: number }
  /** Its handle comes by the other channel, under the number as its name. */
  | {
      readonly type: 'moved';
      readonly connection: number;
      readonly unread: Buffer;
      readonly bytesRead: number;
      readonly bytesWritten: number;
      readonly rateLeft: number | undefined;
    };

/** What the successor tells. */
export type SuccessorMessage =
  /** It listens for handles: before that, they would be lost. */
  | { readonly type: 'listening' }
  /** It is ready to take over. */
  | { readonly type: 'prepared' }
  | { readonly type: 'factsRead' }
  /** It has all links and clients. */
  | { readonly type: 'imported' }
  /** It accepts links and clients: the predecessor may close its sockets of the links. */
  | { readonly type: 'serving' }
  /** It is announced: the predecessor may withdraw. */
  | { readonly type: 'announced' }
  /** Nothing more is sent to this client until it has moved, or stays. */
  | { readonly type: 'quiet'; readonly connection: number }
  | { readonly type: 'adopted'; readonly connection: number }
  | {
      readonly type: 'decision';
      readonly request: number;
      /** Of the client that is let in. */
      readonly connection: number;
      readonly nonceHigh: number;
      readonly nonceLow: number;
    }
  | {
      readonly type: 'refusal';
      readonly request: number;
      readonly status: number;
      readonly reason: string;
    }
  | { readonly type: 'frame'; readonly connection: number; readonly frame: Buffer }
  | { readonly type: 'pause'; readonly connection: number; readonly isPaused: boolean }
  | {
      readonly type: 'close';
      readonly connection: number;
      readonly by: ClosedBy;
      readonly code: number;
      readonly reason: string;
    }
  | { readonly type: 'destroy'; readonly connection: number; readonly by: ClosedBy };

export type HandoverMessage = PredecessorMessage | SuccessorMessage;
