import { type ByteReader, readAddresses, readIsBinary, readNames } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';

const noClients: ReadonlySet<ClientConnection> = new Set();

/** Sends to one client; an unknown one is ignored. */
export function sendToClient(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  const isBinary = readIsBinary(reader);
  if (client === undefined) return;
  state.sender.sendMessage(client, reader.buffer, reader.offset, reader.end, isBinary);
}

/** Sends to each client of a list. */
export function sendToClients(state: GatewayState, reader: ByteReader): void {
  sendTo(state, reader, readClients(state, reader), noClients);
}

/** Sends to every client except the excluded ones. */
export function sendToAll(state: GatewayState, reader: ByteReader): void {
  const excluded = readClients(state, reader);
  sendTo(state, reader, state.clients.all(), excluded);
}

/** Sends to every client of each uid. */
export function sendToUids(state: GatewayState, reader: ByteReader): void {
  const uids = readNames(reader);
  const [first = ''] = uids;
  if (uids.length === 1) {
    sendToMembers(state, reader, state.uids.get(first), noClients);
    return;
  }
  // A client has one uid, so distinct uids have distinct clients.
  const receivers: ClientConnection[] = [];
  for (const uid of new Set(uids)) {
    for (const client of state.uids.get(uid) ?? noClients) receivers.push(client);
  }
  sendTo(state, reader, receivers, noClients);
}

/** Sends once to each member of the groups, except the excluded ones. */
export function sendToGroups(state: GatewayState, reader: ByteReader): void {
  const groups = readNames(reader);
  const excluded = readClients(state, reader);
  const [first = ''] = groups;
  if (groups.length === 1) {
    sendToMembers(state, reader, state.groups.get(first), excluded);
    return;
  }
  const receivers = new Set<ClientConnection>();
  for (const group of new Set(groups)) {
    for (const client of state.groups.get(group) ?? noClients) receivers.add(client);
  }
  sendTo(state, reader, receivers, excluded);
}

/** Reads an address, and returns its client; `undefined` when there is none. */
export function readClient(state: GatewayState, reader: ByteReader): ClientConnection | undefined {
  return state.clients.find(reader.readU32(), reader.readU32(), reader.readU32());
}

/** Sends the payload at the end of the command to the members of one uid or group. */
function sendToMembers(
  state: GatewayState,
  reader: ByteReader,
  members: ReadonlySet<ClientConnection> | undefined,
  excluded: ReadonlySet<ClientConnection>,
): void {
  if (members === undefined) return;
  if (members.size > 1) {
    sendTo(state, reader, members, excluded);
    return;
  }
  // Most uids have one client. A message for one client is framed in place, without a buffer to share.
  const [client] = members;
  const isBinary = readIsBinary(reader);
  if (client === undefined || excluded.has(client)) return;
  state.sender.sendMessage(client, reader.buffer, reader.offset, reader.end, isBinary);
}

/** Frames the payload at the end of the command once and sends it to all receivers. */
function sendTo(
  state: GatewayState,
  reader: ByteReader,
  receivers: Iterable<ClientConnection>,
  excluded: ReadonlySet<ClientConnection>,
): void {
  const { sender } = state;
  const isBinary = readIsBinary(reader);
  let frame: Buffer | undefined;
  for (const client of receivers) {
    if (excluded.has(client)) continue;
    frame ??= sender.frame(reader.readRestBytes(), isBinary);
    if (frame === undefined) return;
    sender.sendFrame(client, frame);
  }
}

function readClients(state: GatewayState, reader: ByteReader): Set<ClientConnection> {
  const clients = new Set<ClientConnection>();
  readAddresses(reader, (connection, nonceHigh, nonceLow) => {
    const client = state.clients.find(connection, nonceHigh, nonceLow);
    if (client !== undefined) clients.add(client);
  });
  return clients;
}
