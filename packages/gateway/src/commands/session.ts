import { toError } from '@gatewayworker/core';
import {
  type ByteReader,
  keepSession,
  type SessionDelta,
  unpackSessionDelta,
  unsetSession,
} from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';
import { parseSession } from '../subscriptions/session-store.ts';
import type { WorkerLink } from '../workers/worker-link.ts';
import { readClient } from './send.ts';

/** Own changes of a worker after which it is told of them: it keeps in mind those that it was not told of. */
const CONFIRMED_CHANGES = 256;

/** Replaces the session of a client. */
export function setSession(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  const session = parseSession(reader.readRestBytes());
  if (client !== undefined) change(state, client, () => client.session.replace(session));
}

/** Merges a partial session deeply into the session of a client. */
export function updateSession(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  const partial = parseSession(reader.readRestBytes());
  if (client !== undefined) change(state, client, () => client.session.merge(partial));
}

/**
 * Stores what a callback changed.
 *
 * The worker that has the client has made the change in its own copy and is told nothing. It is told
 * of what others change, with the number of its own changes that came before: of its later ones it
 * knows that they win, because they are on their way. So both sides end with the same session.
 */
export function applySessionDelta(
  state: GatewayState,
  reader: ByteReader,
  worker: WorkerLink | undefined,
): void {
  const client = readClient(state, reader);
  const delta = unpackSessionDelta(reader.readRestBytes());
  if (client === undefined) return;
  if (client.worker !== worker) {
    change(state, client, () => client.session.apply(delta));
    return;
  }
  client.appliedChanges += 1;
  try {
    client.session.apply(delta);
  } catch (error) {
    refuse(state, client, error);
    // The worker has made the change in its own copy.
    tellWorker(client, client.session.whole());
    return;
  }
  if (client.appliedChanges % CONFIRMED_CHANGES !== 0) return;
  const isSet = client.session.packed !== undefined;
  tellWorker(client, isSet ? keepSession() : unsetSession());
}

/** Changes a session and tells the worker that has the client. */
function change(state: GatewayState, client: ClientConnection, apply: () => SessionDelta): void {
  try {
    tellWorker(client, apply());
  } catch (error) {
    refuse(state, client, error);
  }
}

/** A change that is refused is no fault of the link by which it came: two that fit may not fit together. */
function refuse(state: GatewayState, client: ClientConnection, error: unknown): void {
  state.limits.sessionTooLarge += 1;
  const clientId = client.clientId(state.clients.gatewayToken);
  state.clientLog.error({ err: toError(error), clientId }, 'a change of a session was refused');
}

function tellWorker(client: ClientConnection, delta: SessionDelta): void {
  const { connection, appliedChanges } = client;
  client.worker?.connection.send({ type: 'sessionChanged', connection, appliedChanges, delta });
}
