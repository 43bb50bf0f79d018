import type { ResumableInfo } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { ClientSocketHandler } from '../transports/transport.ts';
import type { CallerLane, LaneTable } from './lane-table.ts';
import type { ParkedClients } from './parked-clients.ts';
import type { Receipts } from './receipts.ts';
import type { ResumeSecret } from './resume-secret.ts';

/** Receives the events of a client that can resume. */
export interface ResumableEvents extends ClientSocketHandler {
  onRequest(number: number, type: string, payload: Uint8Array, isBinary: boolean): void;
  onDrop(): void;
  /** Returns true when the application decides about resumes: it does so before it acknowledges the event. */
  onResume(awayMs: number): boolean;
}

/** State and functions that the resumable clients of a gateway share. */
export interface ResumableContext {
  readonly windowMs: number;
  readonly pingMs: number;
  readonly spreadMs: () => number;
  readonly maxMessageBytes: number;
  readonly lanes: LaneTable;
  readonly parked: ParkedClients;
  readonly clientId: (client: ClientConnection) => string;
  /** Called when the client has joined a group, or left it. */
  readonly onGroupChange: (
    client: ClientConnection | undefined,
    group: string,
    isMember: boolean,
  ) => void;
  /** Called when the client has a new secret. */
  readonly onSecret: (client: ClientConnection, secret: ResumeSecret) => void;
  readonly receipts: Receipts;
  /** Called when the session has ended here. */
  readonly onGone: (client: ClientConnection) => void;
  /** Requests the messages that a client has missed after these positions, by source. */
  readonly requestReplay: (
    client: ClientConnection,
    positions: ReadonlyMap<number, number>,
    lanes: Iterable<CallerLane>,
  ) => void;
}

/** State of a client that can resume, for another process. */
export interface ResumableRecord {
  readonly info: ResumableInfo;
  /** See `ClientNumbers`. */
  readonly inFlight: readonly number[];
  /** True when the application knows that the client has no connection. */
  readonly isParked: boolean;
  /** Time since the client lost its connection, in milliseconds. */
  readonly awayMs: number;
}
