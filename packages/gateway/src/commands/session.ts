import { type ByteReader, type SessionDelta, unpackSessionDelta } from '@gatewayworker/protocol';
import type { ClientConnection } from '../client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';
import { parseSession } from '../subscriptions/session-store.ts';
import type { WorkerLink } from '../worker-link.ts';
import { readClient } from './send.ts';

/** Replaces the session of a client. */
export function setSession(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  const session = parseSession(reader.readRestBytes());
  if (client !== undefined) tellWorker(client, client.session.replace(session));
}

/** Merges a partial session deeply into the session of a client. */
export function updateSession(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  const partial = parseSession(reader.readRestBytes());
  if (client !== undefined) tellWorker(client, client.session.merge(partial));
}

/**
 * Stores what a callback changed.
 *
 * A worker counts its own change as stored when it sends it. That is right when nobody changed the
 * session in between; else it is told the change again, in the order that holds here, so that both
 * sides end with the same session.
 */
export function applySessionDelta(
  state: GatewayState,
  reader: ByteReader,
  worker: WorkerLink | undefined,
): void {
  const client = readClient(state, reader);
  const baseVersion = reader.readU32();
  const delta = unpackSessionDelta(reader.readRestBytes());
  if (client === undefined) return;
  const isUpToDate = client.worker === worker && client.session.version === baseVersion;
  client.session.apply(delta);
  if (!isUpToDate) tellWorker(client, delta);
}

function tellWorker(client: ClientConnection, delta: SessionDelta): void {
  const { connection, session } = client;
  const { version } = session;
  client.worker?.connection.send({ type: 'sessionChanged', connection, version, delta });
}
