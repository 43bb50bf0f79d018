import {
  ByteWriter,
  type ClientAddress,
  InterestKind,
  writeBindUid,
  writeJoinGroup,
} from '@gatewayworker/protocol';
import type { GatewayLink } from './gateway-link.ts';
import type { GatewayPool } from './gateway-pool.ts';

/**
 * Puts a command into the output queue of the link to the gateway of one client.
 *
 * @param address - `undefined` for an invalid client id
 * @returns false when the id is invalid, its gateway is not linked, or the link is full
 */
export function enqueueToClient(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  write: (writer: ByteWriter, address: ClientAddress) => void,
): boolean {
  const link = address === undefined ? undefined : pool.linkOf(address.gatewayToken);
  if (address === undefined || link === undefined) return false;
  return enqueue(pool, link, write, address);
}

/**
 * Puts a JoinGroup or a BindUid into the output queue of the link to the gateway of one client, and records it.
 *
 * @param address - `undefined` for an invalid client id
 * @returns false when the id is invalid, its gateway is not linked, or the link is full
 */
export function enqueueJoin(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  { kind, name }: { readonly kind: InterestKind; readonly name: string },
): boolean {
  const link = address === undefined ? undefined : pool.linkOf(address.gatewayToken);
  if (address === undefined || link === undefined) return false;
  const write = kind === InterestKind.Uid ? writeBindUid : writeJoinGroup;
  const isQueued = enqueue(pool, link, (writer, to) => write(writer, to, name), address);
  if (isQueued) pool.interest.recordJoin(link, kind, name);
  return isQueued;
}

/**
 * Sends one command to every gateway. It is encoded once for all of them.
 *
 * @returns false when no gateway is linked or a link is full
 */
export function broadcast(pool: GatewayPool, write: (writer: ByteWriter) => void): boolean {
  if (pool.links.length === 0) return false;
  return enqueueAll(pool, pool.links, write);
}

/**
 * Puts one command into the output queues of these links. It is encoded once for all of them.
 *
 * @returns false when one of the links is full
 */
export function enqueueAll(
  pool: GatewayPool,
  links: readonly GatewayLink[],
  write: (writer: ByteWriter) => void,
): boolean {
  const [first] = links;
  if (first === undefined) return true;
  if (links.length === 1) return enqueue(pool, first, write, undefined);
  const encoded = new ByteWriter();
  write(encoded);
  let isQueued = true;
  for (const link of links) {
    if (!enqueue(pool, link, writeEncoded, encoded)) isQueued = false;
  }
  return isQueued;
}

function writeEncoded(writer: ByteWriter, encoded: ByteWriter): void {
  writer.writeBytes(encoded.buffer, 0, encoded.length);
}

/**
 * Puts one command into the output queue of a link, completely or not at all. The queue is bounded: a link refuses
 * commands while its peer has `sendToGatewayBufferSize` bytes unread.
 *
 * @param what - passed to `write`
 * @returns false when the link is closing or full
 */
export function enqueue<T>(
  pool: GatewayPool,
  link: GatewayLink,
  write: (writer: ByteWriter, what: T) => void,
  what: T,
): boolean {
  const { connection } = link;
  if (!connection.isOpen || connection.output.pendingBytes >= pool.sendToGatewayBufferSize) {
    pool.refusedCommands += 1;
    return false;
  }
  const writer = connection.writer();
  const { length } = writer;
  try {
    write(writer, what);
  } catch (error) {
    // An incomplete frame would make the peer read the following frames as its rest.
    writer.length = length;
    throw error;
  }
  pool.sentCommands += 1;
  return true;
}

/** Groups addresses by the link to their gateway. Addresses of gateways without a link are omitted. */
export function groupByLink(
  pool: GatewayPool,
  addresses: readonly ClientAddress[],
): Map<GatewayLink, ClientAddress[]> {
  const groups = new Map<GatewayLink, ClientAddress[]>();
  for (const address of addresses) {
    const link = pool.linkOf(address.gatewayToken);
    if (link === undefined) continue;
    const group = groups.get(link);
    if (group === undefined) groups.set(link, [address]);
    else group.push(address);
  }
  return groups;
}
