import { toError } from '@gatewayworker/core';
import {
  type ByteReader,
  emptyDelta,
  type SessionDelta,
  unpackSessionDelta,
  unsetDelta,
} from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';
import { parseSession } from '../subscriptions/session-store.ts';
import type { Caller } from './caller.ts';
import { readClient } from './send.ts';

/** Changes of a worker per confirmation: it keeps its unconfirmed changes in memory. */
const CHANGES_PER_CONFIRMATION = 256;

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
 * Applies the session changes of a callback.
 *
 * The worker of the client has changed its own copy already, so it gets no update. It gets the changes of others,
 * together with the number of its own changes applied before: its later changes are still on their way, and win. So
 * both copies end up equal.
 */
export function applySessionDelta(
  state: GatewayState,
  reader: ByteReader,
  { worker }: Caller,
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
    // The copy of the worker has the refused change.
    notifyWorker(client, client.session.whole());
    return;
  }
  if (client.appliedChanges % CHANGES_PER_CONFIRMATION !== 0) return;
  const isSet = client.session.packed !== undefined;
  notifyWorker(client, isSet ? emptyDelta() : unsetDelta());
}

/** Changes a session and notifies the worker of the client. */
function change(state: GatewayState, client: ClientConnection, apply: () => SessionDelta): void {
  try {
    notifyWorker(client, apply());
  } catch (error) {
    refuse(state, client, error);
  }
}

/** Logs a refused change. It does not close the link: two changes may only together exceed the limit. */
function refuse(state: GatewayState, client: ClientConnection, error: unknown): void {
  state.limits.sessionTooLarge += 1;
  const clientId = client.clientId(state.clients.gatewayToken);
  state.clientLog.error({ err: toError(error), clientId }, 'session change refused');
}

function notifyWorker(client: ClientConnection, delta: SessionDelta): void {
  const { connection, appliedChanges } = client;
  client.worker?.connection.send({ type: 'sessionChanged', connection, appliedChanges, delta });
}
