import {
  type ByteReader,
  PayloadFlag,
  readAddresses,
  readFlags,
  readNames,
  readOffset,
  readPosition,
} from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';
import type { CallerLane } from '../resume/lane-table.ts';
import {
  type MessageOrigin,
  messageHeader,
  noOrigin,
  replyHeader,
} from '../resume/message-header.ts';
import type { Caller } from './caller.ts';

const noClients: ReadonlySet<ClientConnection> = new Set();

/** Sends to one client; an unknown one is ignored. */
export function sendToClient(state: GatewayState, reader: ByteReader, { lane }: Caller): void {
  sendToOne(state, reader, readClient(state, reader), lane);
}

/** Sends to each client of a list. */
export function sendToClients(state: GatewayState, reader: ByteReader, { lane }: Caller): void {
  sendTo(state, reader, { receivers: readClients(state, reader), excluded: noClients, lane });
}

/** Sends to every client except the excluded ones. */
export function sendToAll(state: GatewayState, reader: ByteReader, { lane }: Caller): void {
  const excluded = readClients(state, reader);
  sendTo(state, reader, { receivers: state.clients.all(), excluded, lane });
}

/** Sends to every client of each uid. */
export function sendToUids(state: GatewayState, reader: ByteReader, { lane }: Caller): void {
  const uids = readNames(reader);
  const [first = ''] = uids;
  if (uids.length === 1) {
    sendToMembers(state, reader, { receivers: state.uids.get(first), excluded: noClients, lane });
    return;
  }
  // A client has one uid, so distinct uids have distinct clients.
  const receivers: ClientConnection[] = [];
  for (const uid of new Set(uids)) {
    for (const client of state.uids.get(uid) ?? noClients) receivers.push(client);
  }
  sendTo(state, reader, { receivers, excluded: noClients, lane });
}

/** Sends once to each member of the groups, except the excluded ones. */
export function sendToGroups(state: GatewayState, reader: ByteReader, { lane }: Caller): void {
  const groups = readNames(reader);
  const excluded = readClients(state, reader);
  const [first = ''] = groups;
  if (groups.length === 1) {
    sendToMembers(state, reader, { receivers: state.groups.get(first), excluded, lane });
    return;
  }
  const receivers = new Set<ClientConnection>();
  for (const group of new Set(groups)) {
    for (const client of state.groups.get(group) ?? noClients) receivers.add(client);
  }
  sendTo(state, reader, { receivers, excluded, lane });
}

/** Answers a request of a client. */
export function sendReply(state: GatewayState, reader: ByteReader, { lane }: Caller): void {
  const client = readClient(state, reader);
  const number = readPosition(reader);
  const flags = readFlags(reader);
  const origin = originOf(reader, flags, lane);
  if (client?.resumable === undefined || client.resumable.isAwaiting(lane)) return;
  const isBinary = (flags & PayloadFlag.Binary) !== 0;
  const isFailed = (flags & PayloadFlag.Failed) !== 0;
  const header = replyHeader(origin, number, { isBinary, isFailed });
  state.sender.sendPrefixed(client, header, reader.buffer, reader.offset, reader.end);
}

/** Reads an address, and returns its client; `undefined` when there is none. */
export function readClient(state: GatewayState, reader: ByteReader): ClientConnection | undefined {
  return state.clients.find(reader.readU32(), reader.readU32(), reader.readU32());
}

/** The receivers of a message, and the process that sends it. */
interface Delivery<Receivers> {
  readonly receivers: Receivers;
  readonly excluded: ReadonlySet<ClientConnection>;
  readonly lane: CallerLane;
}

/** Sends the payload at the end of the command to the members of one uid or group. */
function sendToMembers(
  state: GatewayState,
  reader: ByteReader,
  { receivers, excluded, lane }: Delivery<ReadonlySet<ClientConnection> | undefined>,
): void {
  if (receivers === undefined || receivers.size > 1) {
    sendTo(state, reader, { receivers: receivers ?? noClients, excluded, lane });
    return;
  }
  // Most uids have one client. A message for one client is framed in place, without a buffer to share.
  const [client] = receivers;
  const isExcluded = client !== undefined && excluded.has(client);
  sendToOne(state, reader, isExcluded ? undefined : client, lane);
}

/** Sends the payload at the end of the command to one client. */
function sendToOne(
  { sender }: GatewayState,
  reader: ByteReader,
  client: ClientConnection | undefined,
  lane: CallerLane,
): void {
  const flags = readFlags(reader);
  const isBinary = (flags & PayloadFlag.Binary) !== 0;
  if ((flags & PayloadFlag.Numbered) === 0 || client?.resumable === undefined) {
    originOf(reader, flags, lane);
    if (client !== undefined) {
      sender.sendMessage(client, reader.buffer, reader.offset, reader.end, isBinary);
    }
    return;
  }
  const header = messageHeader(originOf(reader, flags, lane), isBinary);
  if (client.resumable.isAwaiting(lane)) return;
  sender.sendPrefixed(client, header, reader.buffer, reader.offset, reader.end);
}

/** Frames the payload at the end of the command once and sends it to all receivers. */
function sendTo(
  { sender }: GatewayState,
  reader: ByteReader,
  { receivers, excluded, lane }: Delivery<Iterable<ClientConnection>>,
): void {
  const flags = readFlags(reader);
  const isBinary = (flags & PayloadFlag.Binary) !== 0;
  const origin = originOf(reader, flags, lane);
  const { buffer, offset, end } = reader;
  let frame: Buffer | undefined;
  let resumableFrame: Buffer | undefined;
  for (const client of receivers) {
    if (excluded.has(client)) continue;
    const { resumable } = client;
    if (resumable === undefined) {
      frame ??= sender.frame(buffer.subarray(offset, end), isBinary);
      if (frame === undefined) return;
      sender.sendFrame(client, frame);
    } else if (resumable.isReceiving && !resumable.isAwaiting(lane)) {
      resumableFrame ??= sender.frame(
        Buffer.concat([messageHeader(origin, isBinary), buffer.subarray(offset, end)]),
        true,
      );
      if (resumableFrame !== undefined) sender.sendFrame(client, resumableFrame);
    }
  }
}

/** Reads the offset of a payload, if it is numbered. The lane of its process then is at least there. */
export function originOf(reader: ByteReader, flags: number, lane: CallerLane): MessageOrigin {
  if ((flags & PayloadFlag.Numbered) === 0) return noOrigin;
  const offset = readOffset(reader, flags);
  if (offset > lane.top) lane.top = offset;
  return { source: lane.source, offset };
}

/** Reads a list of addresses, and returns their clients. */
export function readClients(state: GatewayState, reader: ByteReader): Set<ClientConnection> {
  const clients = new Set<ClientConnection>();
  readAddresses(reader, (connection, nonceHigh, nonceLow) => {
    const client = state.clients.find(connection, nonceHigh, nonceLow);
    if (client !== undefined) clients.add(client);
  });
  return clients;
}
