import { type ByteReader, readAddresses, readIsBinary, readNames } from '@gatewayworker/protocol';
import type { ClientConnection } from '../client-connection.ts';
import type { GatewayState } from '../gateway-state.ts';

/** Sends to one client; an unknown one is ignored. */
export function sendToClient(state: GatewayState, reader: ByteReader): void {
  const client = readClient(state, reader);
  const isBinary = readIsBinary(reader);
  if (client === undefined) return;
  state.sender.sendMessage(client, reader.buffer, reader.offset, reader.end, isBinary);
}

/** Sends to each client of a list. */
export function sendToClients(state: GatewayState, reader: ByteReader): void {
  sendTo(state, reader, readClients(state, reader));
}

/** Sends to every client but the excluded ones. */
export function sendToAll(state: GatewayState, reader: ByteReader): void {
  const excluded = readClients(state, reader);
  sendTo(state, reader, state.clients.all(), excluded);
}

/** Sends to every client of each uid. */
export function sendToUids(state: GatewayState, reader: ByteReader): void {
  // A client has one uid, so no client is met twice, unless the caller names a uid twice.
  const uids = new Set(readNames(reader));
  if (uids.size === 1) {
    const [uid = ''] = uids;
    sendTo(state, reader, state.uids.get(uid) ?? []);
    return;
  }
  const receivers: ClientConnection[] = [];
  for (const uid of uids) receivers.push(...(state.uids.get(uid) ?? []));
  sendTo(state, reader, receivers);
}

/** Sends once to each member of the groups, the excluded ones left out. */
export function sendToGroups(state: GatewayState, reader: ByteReader): void {
  const groups = readNames(reader);
  const excluded = readClients(state, reader);
  const [first = ''] = groups;
  if (groups.length === 1) {
    sendTo(state, reader, state.groups.get(first) ?? [], excluded);
    return;
  }
  const receivers = new Set<ClientConnection>();
  for (const group of groups) {
    for (const client of state.groups.get(group) ?? []) receivers.add(client);
  }
  sendTo(state, reader, receivers, excluded);
}

/** Reads an address; answers the client, or `undefined` when there is none. */
export function readClient(state: GatewayState, reader: ByteReader): ClientConnection | undefined {
  return state.clients.find(reader.readU32(), reader.readU32(), reader.readU32());
}

/** Frames the payload at the end of the command once and sends it to all receivers. */
function sendTo(
  state: GatewayState,
  reader: ByteReader,
  receivers: Iterable<ClientConnection>,
  excluded?: ReadonlySet<ClientConnection>,
): void {
  const { sender } = state;
  const isBinary = readIsBinary(reader);
  let frame: Buffer | undefined;
  for (const client of receivers) {
    if (excluded?.has(client)) continue;
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
