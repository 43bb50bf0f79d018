import type { ConnectionAddress } from '@gatewayworker/protocol';
import { ClientConnection } from '../clients/client-connection.ts';
import { PauseReason } from '../clients/pause-reason.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { ClientSocket } from '../transports/transport.ts';
import type { InnerLinkParts } from '../workers/inner-links.ts';
import type { WorkerLink } from '../workers/worker-link.ts';
import type { ClientRecord, LinkRecord, WorkerRecord } from './handover-messages.ts';

/** Imports an inner link. Its peer resumes it later. */
export function importLink(
  { innerServer, innerLinks, dispatcher, resume }: GatewayParts,
  link: LinkRecord,
): InnerLinkParts | undefined {
  const connection = innerServer.restoreLink(link);
  const parts = innerLinks.partsOf(connection);
  if (parts === undefined) return undefined;
  const { worker, interest } = parts;
  resume.lanes.restore(parts.lane, link.source, link.top, link.adopted);
  interest.joins = link.joins;
  interest.confirmedJoins = link.confirmedJoins;
  if (worker !== undefined && link.worker !== undefined) {
    importWorker(worker, link.worker);
    if (link.worker.isReady) dispatcher.addWorker(worker);
  }
  return parts;
}

function importWorker(worker: WorkerLink, record: WorkerRecord): void {
  worker.decidesHandshakes = record.decidesHandshakes;
  worker.decidesResumes = record.decidesResumes;
  worker.redelivers = record.redelivers;
  worker.isDrained = record.isDrained;
  worker.eventsInFlight = record.eventsInFlight;
  worker.eventBytesInFlight = record.eventBytesInFlight;
  worker.handshakes.continueFrom(record.lastHandshake);
}

/** Creates a client that is in no table. Done before the freeze, because finding its route takes time. */
export function createClient(
  { routes }: GatewayParts,
  address: ConnectionAddress,
  socket: ClientSocket,
): ClientConnection {
  const client = new ClientConnection(address, socket);
  client.route = routes.find(socket);
  return client;
}

/** Imports the state of a client. @param worker - the worker of the link `record.linkId` */
export function importClient(
  parts: GatewayParts,
  client: ClientConnection,
  record: ClientRecord,
  worker: WorkerLink | undefined,
): void {
  const route = client.route ?? parts.routes.find(client.socket);
  client.isSuppressed = record.isSuppressed;
  client.appliedChanges = record.appliedChanges;
  client.appliedUidChanges = record.appliedUidChanges;
  client.eventsInFlight = record.eventsInFlight;
  client.eventBytesInFlight = record.eventBytesInFlight;
  client.unacknowledged = record.unacknowledged && [...record.unacknowledged];
  client.session.adopt(record.session);
  importTables(parts, client, record);
  client.worker = worker;
  if (worker !== undefined && record.isAttached) worker.clients.add(client);
  if (worker !== undefined && record.isClosedAtWorker)
    worker.closedClients.set(client.connection, client);
  if (record.isUnbound) route.unbound.add(client);
  if (record.isCloseSuppressed) route.held.suppressClose(client);
  importPause(client, record, worker);
  // Adding pauses the client again if too many bytes are held.
  for (const event of record.held ?? []) route.held.add(client, event);
}

function importTables(
  { state }: GatewayParts,
  client: ClientConnection,
  { uid, groups, isClosed, isClosing }: ClientRecord,
): void {
  client.uid = uid;
  for (const group of groups) client.addGroup(group);
  client.isClosing = isClosed;
  if (isClosed) return;
  state.clients.restore(client);
  if (isClosing) {
    state.clients.markClosing(client);
    return;
  }
  if (uid !== undefined) state.uids.add(uid, client);
  for (const group of groups) state.groups.add(group, client);
}

/** Restores the pause reasons that the worker or its link removes later. `HeldBytes` is set again by `HeldEvents`. */
function importPause(
  client: ClientConnection,
  { pauseReasons }: ClientRecord,
  worker: WorkerLink | undefined,
): void {
  const { EventsInFlight, WorkerLinkFull, WorkerBusy } = PauseReason;
  client.restorePause(pauseReasons & EventsInFlight);
  if ((pauseReasons & WorkerLinkFull) !== 0) worker?.pauseForRoom(client);
  if ((pauseReasons & WorkerBusy) !== 0) worker?.pauseForLoad(client);
}
