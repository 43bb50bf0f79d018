import type { MovedLink } from '@gatewayworker/core';
import type { ClientRequest, ClosedBy } from '@gatewayworker/protocol';
import type { ResumableRecord } from '../resume/resumable-context.ts';
import type { LastSeenEntry } from '../subscriptions/last-seen-table.ts';
import type { ClientClosure, SocketInfo } from '../transports/transport.ts';
import type { ClientEvent } from '../workers/client-event.ts';
import type { GatewayAddresses } from './gateway-addresses.ts';

/** Version of the messages. Processes of different versions cannot hand over to each other. */
export const HANDOVER_VERSION = 3;

/** The identity that the successor takes over. */
export interface IdentityRecord {
  readonly version: number;
  readonly instanceId: string;
  readonly gatewayToken: number;
  readonly innerPort: number;
  readonly addresses: GatewayAddresses;
}

/** State of the worker of a link. */
export interface WorkerRecord {
  readonly decidesHandshakes: boolean;
  readonly decidesResumes: boolean;
  readonly redelivers: boolean;
  readonly isReady: boolean;
  readonly isDraining: boolean;
  readonly isDrained: boolean;
  readonly eventsInFlight: number;
  readonly eventBytesInFlight: number;
  readonly lastHandshake: number;
}

/** State of an inner link. */
export interface LinkRecord extends MovedLink {
  readonly worker: WorkerRecord | undefined;
  readonly joins: number;
  readonly confirmedJoins: number;
  /** Whether all uids, and all groups, were sent to the peer; `undefined` when it has not subscribed. */
  readonly areSynced: readonly [uids: boolean, groups: boolean] | undefined;
  /** The lane of the peer; source 0 when it has none. */
  readonly source: number;
  readonly top: number;
  /** Source and last offset of each lane that the peer has adopted. */
  readonly adopted: readonly (readonly [source: number, lastOffset: number])[];
}

/** Immutable properties of a client. */
export interface ClientInfo extends SocketInfo {
  readonly connection: number;
  readonly nonceHigh: number;
  readonly nonceLow: number;
}

/** State of a client. */
export interface ClientRecord {
  readonly connection: number;
  /** Link of its worker; of a closed client, link of the worker that has unacknowledged events of it. */
  readonly linkId: string | undefined;
  /** It is in `WorkerLink.clients` of its worker. */
  readonly isAttached: boolean;
  /** It is in `WorkerLink.closedClients` of its worker. */
  readonly isClosedAtWorker: boolean;
  readonly isUnbound: boolean;
  /** Its socket is closed, but it has held or unacknowledged events. */
  readonly isClosed: boolean;
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
  /** Set for a client that can resume: it is parked at the successor. */
  readonly resumable: ResumableRecord | undefined;
}

const clientFields = [
  ...(['connection', 'linkId', 'isAttached', 'isClosedAtWorker', 'isUnbound', 'isClosed'] as const),
  ...(['isClosing', 'isSuppressed', 'isCloseSuppressed', 'uid', 'groups', 'session'] as const),
  ...(['appliedChanges', 'appliedUidChanges', 'eventsInFlight', 'eventBytesInFlight'] as const),
  ...(['held', 'unacknowledged', 'pauseReasons', 'resumable'] as const),
] satisfies readonly (keyof ClientRecord)[];

/** A client record without field names, which would be most of its bytes. */
export type ClientRow = readonly unknown[];

export function toRow(record: ClientRecord): ClientRow {
  return clientFields.map((field) => record[field]);
}

/** Parses a row; `undefined` when it is invalid. */
export function parseRow(row: ClientRow): ClientRecord | undefined {
  if (row.length !== clientFields.length) return undefined;
  const entries = clientFields.map((field, index) => [field, row[index]]);
  return Object.fromEntries(entries);
}

/** A candidate whose handshake ends in the predecessor after the handover. */
export interface CandidateRecord {
  readonly request: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly handshake: ClientRequest | undefined;
  readonly listenPort: number;
}

/** Messages of the predecessor. */
export type PredecessorMessage =
  | { readonly type: 'identity'; readonly identity: IdentityRecord }
  | { readonly type: 'link'; readonly link: LinkRecord }
  /** Immutable properties of clients, sent before their records. */
  | { readonly type: 'clientInfo'; readonly clients: readonly ClientInfo[] }
  /** Asks for `infoRead`, which confirms all earlier messages. */
  | { readonly type: 'infoSent' }
  | { readonly type: 'clients'; readonly clients: readonly ClientRow[] }
  /** When uids were last connected. */
  | { readonly type: 'lastSeen'; readonly entries: readonly LastSeenEntry[] }
  /** All links and clients are sent. */
  | { readonly type: 'stateSent'; readonly lastConnection: number }
  /** From now on the successor is the gateway. */
  | { readonly type: 'commit' }
  /** The predecessor has closed its sockets of the links: workers resume them at the successor. */
  | { readonly type: 'linksClosed' }
  | {
      readonly type: 'message';
      readonly connection: number;
      readonly payload: Buffer;
      readonly isBinary: boolean;
    }
  | { readonly type: 'closed'; readonly connection: number; readonly closure: ClientClosure }
  | { readonly type: 'candidate'; readonly candidate: CandidateRecord }
  /** The successor must hold output to this client until it has moved or the move is cancelled. */
  | { readonly type: 'holdOutput'; readonly connection: number }
  | { readonly type: 'moveCancelled'; readonly connection: number }
  /** The handle comes by the other channel, with the connection number as its name. */
  | {
      readonly type: 'moved';
      readonly connection: number;
      readonly unread: Buffer;
      readonly bytesRead: number;
      readonly bytesWritten: number;
      readonly rateLeft: number | undefined;
    };

/** Messages of the successor. */
export type SuccessorMessage =
  /** It listens for handles, which would be lost before. */
  | { readonly type: 'listening' }
  /** It is ready to take over. */
  | { readonly type: 'prepared' }
  | { readonly type: 'infoRead' }
  /** It has imported all links and clients. */
  | { readonly type: 'imported' }
  /** It accepts links and clients: the predecessor may close its sockets of the links. */
  | { readonly type: 'serving' }
  /** It is announced to the registers: the predecessor may withdraw. */
  | { readonly type: 'announced' }
  /** Answer to `holdOutput`. */
  | { readonly type: 'outputHeld'; readonly connection: number }
  | { readonly type: 'adopted'; readonly connection: number }
  | {
      readonly type: 'decision';
      readonly request: number;
      /** Address of the admitted client. */
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
