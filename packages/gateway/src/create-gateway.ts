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
import type { ClientConnection } from './clients/client-connection.ts';
import {
  ClientEvents,
  type ClientEventsContext,
  ResumableClientEvents,
} from './clients/client-events.ts';
import { ClientSender } from './clients/client-sender.ts';
import { ClientTable, type ClientTables, forgetClient } from './clients/client-table.ts';
import { LimitCounters } from './clients/limit-counters.ts';
import { ServerClosure } from './clients/server-closure.ts';
import type { GatewayContext } from './gateway-context.ts';
import type { ClientSide, GatewayParts, InnerSide, ResumeParts } from './gateway-parts.ts';
import { GatewayPresence } from './gateway-presence.ts';
import { applyHandshakeDecision, type GatewayState } from './gateway-state.ts';
import { AdmissionGate } from './handover/admission-gate.ts';
import type { IdentityRecord } from './handover/handover-messages.ts';
import type { ResolvedGatewayOptions } from './options.ts';
import { LaneTable } from './resume/lane-table.ts';
import { ParkedClients } from './resume/parked-clients.ts';
import { Receipts } from './resume/receipts.ts';
import { Replays } from './resume/replays.ts';
import type { ResumableContext } from './resume/resumable-context.ts';
import { ResumableSocket } from './resume/resumable-socket.ts';
import { resumeDefaults } from './resume/resume-options.ts';
import { Resumption } from './resume/resumption.ts';
import { SessionMoves, sendGroupChange } from './resume/session-moves.ts';
import { ClientRoutes } from './routes/client-routes.ts';
import { InterestPublisher } from './subscriptions/interest-publisher.ts';
import { MembershipIndex } from './subscriptions/membership-index.ts';
import { createTransport } from './transports/create-transport.ts';
import type {
  ClientSocket,
  ClientSocketHandler,
  TransportHandler,
} from './transports/transport.ts';
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
  const resume = createResumption(options, {
    ...{ state, dispatcher, clientEvents },
    // Not by the gate: after a handover, clients that can resume connect to the successor.
    admit: (candidate, decide) => admission.admit(candidate, decide),
  });
  const gate: AdmissionGate = new AdmissionGate(
    (candidate, decide) => admission.admit(candidate, decide),
    (connection) => resume.resumption.open(connection),
  );
  return { state, transport, routes, dispatcher, clientEvents, gate, resume };
}

function createResumption(
  { resume, handshakeTimeoutMs, maxMessageBytes, ...options }: ResolvedGatewayOptions,
  {
    state,
    dispatcher,
    clientEvents,
    admit,
  }: Pick<ClientSide, 'state' | 'dispatcher' | 'clientEvents'> & {
    readonly admit: TransportHandler['admit'];
  },
): ResumeParts {
  const { windowMs, ringBytes: maxBytes, maxParked } = resume || resumeDefaults;
  const { clients, sender, limits, guard } = state;
  const silenceMs = 1000 * options.pingInterval * options.pingNotResponseLimit;
  const lanes = new LaneTable({ maxAgeMs: windowMs + silenceMs, maxBytes });
  const parked = new ParkedClients({ windowMs, maxParked }, state, (client) =>
    sender.close(client, ServerClosure.WindowOver),
  );
  const clientId = (client: ClientConnection): string => client.clientId(clients.gatewayToken);
  const replays = new Replays(lanes, clientId, () => clients.all());
  const receipts = new Receipts(state, clientId);
  const moves: SessionMoves = new SessionMoves({
    ...{ state, lanes, dispatcher, clientEvents },
    socketContext: () => socketContext,
  });
  const socketContext: ResumableContext = {
    windowMs,
    pingMs: 1000 * options.pingInterval,
    // A thousand clients a second.
    spreadMs: () => clients.size,
    maxMessageBytes,
    lanes,
    parked,
    receipts,
    clientId,
    requestReplay: (...request) => replays.request(...request),
    onGroupChange: sendGroupChange,
    onSecret: ({ worker, connection }, { current: secret, previous: previousSecret }) => {
      if (worker?.connection.isOpen !== true) return;
      worker.connection.send({ type: 'sessionSecret', connection, secret, previousSecret });
    },
    onGone: (client) => moves.handleGone(client),
  };
  lanes.onRestarted = (lane, top) => {
    for (const { resumable } of clients.all()) resumable?.catchUp(lane, top);
  };
  lanes.onForgotten = (source) => {
    for (const { resumable } of clients.all()) resumable?.sendSourceEnded(source);
  };
  const resumption = new Resumption({
    ...{ limits, guard, handshakeTimeoutMs, lanes, admit, moves, socketContext },
  });
  return { lanes, parked, replays, receipts, resumption, moves, socketContext };
}

function createInnerSide(
  options: ResolvedGatewayOptions,
  { id, instanceId, scheduler, logger }: SharedContext,
  { state, dispatcher, resume }: ClientSide,
): InnerSide {
  const { name, secretKey, innerTls, sendToWorkerBufferSize } = options;
  const { gatewayToken } = state.clients;
  const liveness = new WorkerLivenessTable();
  const { uids, groups } = state;
  const maxPendingBytes = sendToWorkerBufferSize;
  const interest = new InterestPublisher({ uids, groups, scheduler, maxPendingBytes });
  const innerLinks = new InnerLinks(state, { dispatcher, liveness, interest, ...resume });
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
  if (socket instanceof ResumableSocket) socket.bind(client);
  try {
    if (as !== undefined) applyHandshakeDecision(state, client, as.decision);
    dispatcher.dispatchConnected(client, as?.worker);
  } catch (error) {
    forgetClient(state, client);
    dispatcher.suppressEvents(client);
    throw error;
  }
  return client.resumable === undefined
    ? new ClientEvents(client, clientEvents)
    : new ResumableClientEvents(client, clientEvents);
}
