import type { DescriptorReserve, FrameServer, Logger } from '@gatewayworker/core';
import type { ClientEventsContext } from './clients/client-events.ts';
import type { GatewayPresence } from './gateway-presence.ts';
import type { GatewayState } from './gateway-state.ts';
import type { AdmissionGate } from './handover/admission-gate.ts';
import type { LaneTable } from './resume/lane-table.ts';
import type { ParkedClients } from './resume/parked-clients.ts';
import type { Receipts } from './resume/receipts.ts';
import type { Replays } from './resume/replays.ts';
import type { ResumableContext } from './resume/resumable-context.ts';
import type { Resumption } from './resume/resumption.ts';
import type { SessionMoves } from './resume/session-moves.ts';
import type { ClientRoutes } from './routes/client-routes.ts';
import type { Transport } from './transports/transport.ts';
import type { EventDispatcher } from './workers/event-dispatcher.ts';
import type { InnerLinks } from './workers/inner-links.ts';
import type { WorkerLivenessTable } from './workers/worker-liveness-table.ts';

/** The connected parts of a gateway process. */
export interface GatewayParts extends ClientSide, InnerSide {
  /** Random id of the gateway; the successor of a process keeps it. */
  readonly instanceId: string;
  readonly descriptors: DescriptorReserve;
  readonly logger: Logger;
}

/** The parts that serve clients, up to the events for workers. */
export interface ClientSide {
  readonly state: GatewayState;
  readonly transport: Transport;
  readonly routes: ClientRoutes;
  readonly dispatcher: EventDispatcher;
  readonly clientEvents: ClientEventsContext;
  readonly gate: AdmissionGate;
  readonly resume: ResumeParts;
}

/** The parts that serve clients which can resume. */
export interface ResumeParts {
  readonly lanes: LaneTable;
  readonly parked: ParkedClients;
  readonly replays: Replays;
  readonly receipts: Receipts;
  readonly resumption: Resumption;
  readonly moves: SessionMoves;
  readonly socketContext: ResumableContext;
}

/** The parts that serve workers, clients of the Gateway API and registers. */
export interface InnerSide {
  readonly innerLinks: InnerLinks;
  readonly innerServer: FrameServer;
  readonly liveness: WorkerLivenessTable;
  readonly presence: GatewayPresence;
}
