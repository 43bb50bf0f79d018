import { randomUUID } from 'node:crypto';
import {
  DescriptorReserve,
  FlushScheduler,
  FrameServer,
  Guard,
  type Logger,
  type OpenSocket,
  ThrottledLog,
} from '@gatewayworker/core';
import { AcceptorRole, DialerRole } from '@gatewayworker/protocol';
import { AdmissionControl, type AdmittedAs } from './clients/admission-control.ts';
import { ClientEvents, type ClientEventsContext } from './clients/client-events.ts';
import { ClientSender } from './clients/client-sender.ts';
import { ClientTable, type ClientTables, forgetClient } from './clients/client-table.ts';
import { LimitCounters } from './clients/limit-counters.ts';
import { ServerClosure } from './clients/server-closure.ts';
import type { GatewayContext } from './gateway-context.ts';
import type { ClientSide, GatewayParts, InnerSide } from './gateway-parts.ts';
import { GatewayPresence } from './gateway-presence.ts';
import { applyHandshakeDecision, type GatewayState } from './gateway-state.ts';
import { AdmissionGate } from './handover/admission-gate.ts';
import type { IdentityRecord } from './handover/handover-messages.ts';
import type { ResolvedGatewayOptions } from './options.ts';
import { ClientRoutes } from './routes/client-routes.ts';
import { InterestPublisher } from './subscriptions/interest-publisher.ts';
import { MembershipIndex } from './subscriptions/membership-index.ts';
import { createTransport } from './transports/create-transport.ts';
import type { ClientSocket, ClientSocketHandler } from './transports/transport.ts';
import { EventDispatcher } from './workers/event-dispatcher.ts';
import { InnerLinks } from './workers/inner-links.ts';
import { WorkerLivenessTable } from './workers/worker-liveness-table.ts';
import { createRouter } from './workers/worker-router.ts';

/** Objects and values that the client side and the inner side share. */
interface SharedContext {
  /** See `GatewayContext.id`. */
  readonly id: number;
  readonly instanceId: string;
  /** Token of the predecessor; `undefined` for a random one. */
  readonly gatewayToken: number | undefined;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly scheduler: FlushScheduler;
  readonly descriptors: DescriptorReserve;
  readonly openSocket: OpenSocket | undefined;
  /** See `AdmissionControlOptions.isAccepting`. */
  readonly isAccepting: () => boolean;
}

/**
 * Creates and connects the parts of a gateway. Nothing listens or dials yet.
 *
 * @param start.identity - identity of the predecessor @default a new identity
 * @param start.isAccepting - see `AdmissionControlOptions.isAccepting`
 */
export function createGateway(
  options: ResolvedGatewayOptions,
  context: GatewayContext,
  start: { readonly identity: IdentityRecord | undefined; readonly isAccepting: () => boolean },
): GatewayParts {
  const { id, logger, openSocket, guard = new Guard(logger) } = context;
  const { descriptors = new DescriptorReserve(logger) } = context;
  const { instanceId = randomUUID(), gatewayToken } = start.identity ?? {};
  const shared: SharedContext = {
    ...{ id, instanceId, gatewayToken, logger, guard, descriptors, openSocket },
    scheduler: new FlushScheduler(guard),
    isAccepting: start.isAccepting,
  };
  const clientSide = createClientSide(options, shared);
  const innerSide = createInnerSide(options, shared, clientSide);
  return { ...clientSide, ...innerSide, instanceId, descriptors, logger };
}

function createClientSide(options: ResolvedGatewayOptions, shared: SharedContext): ClientSide {
  const { logger, guard, scheduler, descriptors, openSocket, isAccepting } = shared;
  const limits = new LimitCounters();
  const clientLog = new ThrottledLog(logger);
  const transportContext = { scheduler, limits, descriptors, logger, openSocket };
  const transport = createTransport(options, transportContext);
  const tables: ClientTables = {
    clients: new ClientTable(shared.gatewayToken),
    uids: new MembershipIndex(),
    groups: new MembershipIndex(),
  };
  const sender = new ClientSender(options, { transport, tables, limits, guard });
  const state: GatewayState = { ...tables, sender, limits, guard, logger, clientLog };
  const routes = new ClientRoutes(options, {
    limits,
    guard,
    logger,
    createRouter: () => createRouter(options.router, clientLog),
    onExpired: (client) => sender.close(client, ServerClosure.NoWorker),
  });
  const dispatcher = new EventDispatcher(options, { ...state, routes });
  const { maxMessagesPerSecond, handshakeTimeoutMs, maxConnections } = options;
  const clientEvents: ClientEventsContext = {
    state,
    dispatcher,
    maxMessagesPerSecond,
    received: 0,
  };
  const admission = new AdmissionControl({
    ...state,
    routes,
    handshakeTimeoutMs,
    maxConnections,
    isAccepting,
    port: () => transport.port,
    onClient: (socket, as) => addClient({ state, dispatcher, clientEvents }, socket, as),
    onDecided: (worker) => dispatcher.handleDecided(worker),
  });
  const gate = new AdmissionGate((candidate, decide) => admission.admit(candidate, decide));
  return { state, transport, routes, dispatcher, clientEvents, gate };
}

function createInnerSide(
  options: ResolvedGatewayOptions,
  { id, instanceId, scheduler, logger }: SharedContext,
  { state, dispatcher }: ClientSide,
): InnerSide {
  const { name, secretKey, innerTls, sendToWorkerBufferSize } = options;
  const { gatewayToken } = state.clients;
  const liveness = new WorkerLivenessTable();
  const { uids, groups } = state;
  const maxPendingBytes = sendToWorkerBufferSize;
  const interest = new InterestPublisher({ uids, groups, scheduler, maxPendingBytes });
  const innerLinks = new InnerLinks(state, { dispatcher, liveness, interest });
  const innerServer = new FrameServer({
    identity: { role: AcceptorRole.Gateway, instanceId, name, id, gatewayToken },
    secretKey,
    tls: innerTls,
    scheduler,
    logger,
    allowedRoles: [DialerRole.Worker, DialerRole.Client],
    areLinksResumable: true,
    onLink: (connection, hello) => innerLinks.add(connection, hello),
  });
  const presence = new GatewayPresence(options, {
    id,
    instanceId,
    gatewayToken,
    scheduler,
    logger,
    liveness,
    onWorkers: () => innerLinks.expireDeadWorkers(),
  });
  return { innerLinks, innerServer, liveness, presence };
}

/** Adds an admitted client to the tables, and dispatches its `onConnect`. */
function addClient(
  { state, dispatcher, clientEvents }: Pick<ClientSide, 'state' | 'dispatcher' | 'clientEvents'>,
  socket: ClientSocket,
  as: AdmittedAs | undefined,
): ClientSocketHandler {
  const client = state.clients.add(socket);
  try {
    if (as !== undefined) applyHandshakeDecision(state, client, as.decision);
    dispatcher.dispatchConnected(client, as?.worker);
  } catch (error) {
    forgetClient(state, client);
    dispatcher.suppressEvents(client);
    throw error;
  }
  return new ClientEvents(client, clientEvents);
}
