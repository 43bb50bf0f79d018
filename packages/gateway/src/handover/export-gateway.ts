import type { FrozenLink } from '@gatewayworker/core';
import { CloseCode } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import { forgetClient } from '../clients/client-table.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { WorkerLink } from '../workers/worker-link.ts';
import type { ClientInfo, ClientRecord, LinkRecord, WorkerRecord } from './handover-messages.ts';

/** Exports an inner link; `undefined` when it has ended. */
export function exportLink(
  { innerLinks, routes }: GatewayParts,
  { connection, linkId, hello, state }: FrozenLink,
): LinkRecord | undefined {
  const parts = innerLinks.partsOf(connection);
  if (parts === undefined) return undefined;
  const { worker, interest, lane } = parts;
  const { joins, confirmedJoins, subscription } = interest;
  const [uids, groups] = subscription ?? [];
  return {
    ...{ linkId, hello, state, joins, confirmedJoins },
    worker: worker && exportWorker(worker, routes.ofWorker(worker.name).workers.links),
    areSynced: uids && groups && [uids.isSynced, groups.isSynced],
    source: lane.source,
    top: lane.top,
    adopted: Array.from(lane.adopted, ([source, { lastOffset }]) => [source, lastOffset] as const),
  };
}

function exportWorker(worker: WorkerLink, ready: readonly WorkerLink[]): WorkerRecord {
  const { decidesHandshakes, decidesResumes, redelivers, isDraining, isDrained } = worker;
  const { eventsInFlight, eventBytesInFlight, handshakes } = worker;
  return {
    ...{
      decidesHandshakes,
      decidesResumes,
      redelivers,
      isDraining,
      isDrained,
      eventsInFlight,
      eventBytesInFlight,
    },
    isReady: ready.includes(worker),
    lastHandshake: handshakes.lastId,
  };
}

/** Returns every client, closed ones with unacknowledged or held events included. */
export function listClients({ state, routes, innerLinks }: GatewayParts): Set<ClientConnection> {
  const clients = new Set(state.clients.all());
  for (const { unbound } of routes.all) for (const client of unbound) clients.add(client);
  for (const { worker } of innerLinks.all) {
    for (const client of worker?.closedClients.values() ?? []) clients.add(client);
  }
  return clients;
}

/** Exports the immutable properties of a client. */
export function exportInfo(client: ClientConnection): ClientInfo {
  const { connection, nonceHigh, nonceLow, socket } = client;
  const { remoteAddress, remotePort, listenPort, packedRequest } = socket;
  const address = { connection, nonceHigh, nonceLow };
  return { ...address, remoteAddress, remotePort, listenPort, packedRequest };
}

/** Exports the state of a client. @param linkIds - link ids by worker */
export function exportClient(
  { state, routes }: GatewayParts,
  client: ClientConnection,
  linkIds: ReadonlyMap<WorkerLink, string>,
): ClientRecord {
  const { connection, socket, uid, session, worker } = client;
  const { isClosing, isSuppressed, appliedChanges, appliedUidChanges } = client;
  const { eventsInFlight, eventBytesInFlight, held, unacknowledged, pauseReasons } = client;
  const route = client.route ?? routes.find(socket);
  return {
    ...{ connection, isClosing, isSuppressed, appliedChanges, appliedUidChanges, uid },
    ...{ eventsInFlight, eventBytesInFlight, held, unacknowledged, pauseReasons },
    linkId: worker && linkIds.get(worker),
    isAttached: worker?.clients.has(client) ?? false,
    isClosedAtWorker: worker?.closedClients.get(connection) === client,
    isUnbound: route.unbound.has(client),
    isClosed: state.clients.get(connection) !== client,
    isCloseSuppressed: route.held.isCloseSuppressed(client),
    groups: [...client.groups],
    session: session.packed,
    resumable: client.resumable?.export(),
  };
}

/** Makes clients that can resume connect to the successor, which has their sessions. */
export function leaveResumable({ resume, state }: Pick<GatewayParts, 'resume' | 'state'>): void {
  resume.resumption.stop();
  for (const client of [...state.clients.all()]) {
    if (client.resumable === undefined) continue;
    client.resumable.leave(CloseCode.ServiceRestart);
    forgetClient(state, client);
  }
}
