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
 * Hands a command to the gateway of one client.
 *
 * @returns false when the id was none, its gateway is not linked, or the link is full
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
 * Hands a JoinGroup or a BindUid to the gateway of one client.
 *
 * @returns false when the id was none, its gateway is not linked, or the link is full
 */
export function handJoin(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  { kind, name }: { readonly kind: InterestKind; readonly name: string },
): boolean {
  const link = address === undefined ? undefined : pool.linkOf(address.gatewayToken);
  if (address === undefined || link === undefined) return false;
  const write = kind === InterestKind.Uid ? writeBindUid : writeJoinGroup;
  const isHanded = enqueue(pool, link, (writer, to) => write(writer, to, name), address);
  if (isHanded) pool.interest.noteJoin(link, kind, name);
  return isHanded;
}

/**
 * Hands one command to every gateway. It is encoded once, however many there are.
 *
 * @returns false when no gateway is linked or a link is full
 */
export function broadcast(pool: GatewayPool, write: (writer: ByteWriter) => void): boolean {
  if (pool.links.length === 0) return false;
  return enqueueAll(pool, pool.links, write);
}

/**
 * Hands one command to these links. It is encoded once, however many there are.
 *
 * @returns false when one of them is full
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
  let isComplete = true;
  for (const link of links) {
    if (!enqueue(pool, link, writeEncoded, encoded)) isComplete = false;
  }
  return isComplete;
}

function writeEncoded(writer: ByteWriter, encoded: ByteWriter): void {
  writer.writeBytes(encoded.buffer, 0, encoded.length);
}

/**
 * Hands one command to a link: the whole of it, or nothing when it cannot be written. A peer that
 * reads slowly makes nothing grow: past its limit a link takes no more.
 *
 * @param what - given to `write`
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
    // Half a frame would take the frames behind it for its own rest.
    writer.length = length;
    throw error;
  }
  pool.handedCommands += 1;
  return true;
}

/** Sorts addresses by the gateway that holds them; those of gateways without a link are left out. */
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
