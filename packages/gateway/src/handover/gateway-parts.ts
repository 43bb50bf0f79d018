import type { FrameServer, Logger } from '@gatewayworker/core';
import type { ClientEventsContext } from '../clients/client-events.ts';
import type { GatewayState } from '../gateway-state.ts';
import type { ClientRoutes } from '../routes/client-routes.ts';
import type { Transport } from '../transports/transport.ts';
import type { EventDispatcher } from '../workers/event-dispatcher.ts';
import type { InnerLinks } from '../workers/inner-links.ts';
import type { AdmissionGate } from './admission-gate.ts';

/** The parts of a gateway that a handover uses. */
export interface GatewayParts {
  readonly state: GatewayState;
  readonly routes: ClientRoutes;
  readonly dispatcher: EventDispatcher;
  readonly innerLinks: InnerLinks;
  readonly innerServer: FrameServer;
  readonly transport: Transport;
  readonly gate: AdmissionGate;
  readonly clientEvents: ClientEventsContext;
  readonly logger: Logger;
}
