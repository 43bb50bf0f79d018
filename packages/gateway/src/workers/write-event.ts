import type { FrameConnection } from '@gatewayworker/core';
import {
  payloadFlags,
  writeClientConnected,
  writeClientDropped,
  writeClientMessage,
  writeClientRequested,
  writeClientResumed,
  writeNumberedMessage,
} from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { ClientEvent } from './client-event.ts';

/** Tells a worker what it needs to know about a client, before the first event of the client. */
export function writeAttached(link: FrameConnection, client: ClientConnection): void {
  const { connection, nonceHigh, nonceLow, socket, uid } = client;
  const { remoteAddress, remotePort, listenPort: gatewayPort, packedRequest: request } = socket;
  const address = { connection, nonceHigh, nonceLow, remoteAddress, remotePort, gatewayPort };
  const session = client.session.packed;
  const resumable = client.resumable?.info;
  link.send({ type: 'clientAttached', ...address, request, uid, session, resumable }, true);
}

/** Writes an event of a client to the link of its worker. */
export function writeEvent(
  link: FrameConnection,
  { connection }: ClientConnection,
  event: ClientEvent,
): void {
  const { output } = link;
  const isRedelivered = event.attempts > 0;
  if (event.kind === 'connected') {
    writeClientConnected(output.delayedWriter(), connection, isRedelivered);
  } else if (event.kind === 'message') {
    const flags = payloadFlags(event.isBinary, isRedelivered);
    const { number, payload } = event;
    if (number === 0) writeClientMessage(output.writer(), connection, flags, payload);
    else writeNumberedMessage(output.writer(), { connection, flags, number }, payload);
  } else if (event.kind === 'request') {
    const flags = payloadFlags(event.isBinary, isRedelivered);
    writeClientRequested(output.writer(), connection, flags, event);
  } else if (event.kind === 'dropped') {
    writeClientDropped(output.writer(), connection, isRedelivered);
  } else if (event.kind === 'resumed') {
    const { awayMs } = event;
    writeClientResumed(output.writer(), connection, { isRedelivered, awayMs });
  } else {
    link.send({ type: 'clientClosed', connection, ...event.closure, isRedelivered });
  }
}
