import {
  ByteWriter,
  type ClientAddress,
  type ConnectionAddress,
  InterestKind,
  writeBindUid,
  writeJoinGroup,
} from '@gatewayworker/protocol';
import type { GatewayLink } from './gateway-link.ts';
import type { GatewayPool } from './gateway-pool.ts';

/** Writes a command about `what`; the offset is that of a send, or 0. */
type Write<T> = (writer: ByteWriter, what: T, offset: number) => void;

/**
 * Puts a command into the output queue of the link to the gateway of one client.
 *
 * @param address - `undefined` for an invalid client id
 * @param offset - offset of a send in the lane; 0 for another command, and while the lane is not active
 * @returns false when the id is invalid, its gateway is not linked, or the link is full
 */
export function enqueueToClient(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  write: Write<ConnectionAddress>,
  offset = 0,
): boolean {
  if (address === undefined) return false;
  const alias = pool.aliases.size === 0 ? undefined : pool.aliases.find(address);
  if (alias !== undefined) return enqueue(pool, alias.link, write, alias, offset);
  const link = pool.linkOf(address.gatewayToken);
  return link !== undefined && enqueue(pool, link, write, address, offset);
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
  if (address === undefined) return false;
  const alias = pool.aliases.find(address);
  const link = alias?.link ?? pool.linkOf(address.gatewayToken);
  if (link === undefined) return false;
  const write = kind === InterestKind.Uid ? writeBindUid : writeJoinGroup;
  const isQueued = enqueue(pool, link, (writer, to) => write(writer, to, name), alias ?? address);
  if (isQueued) pool.interest.recordJoin(link, kind, name);
  return isQueued;
}

/**
 * Sends one command to every gateway. It is encoded once for all of them.
 *
 * @param offset - as in `enqueueToClient`
 * @returns false when no gateway is linked or a link is full
 */
export function broadcast(
  pool: GatewayPool,
  write: (writer: ByteWriter, offset: number) => void,
  offset = 0,
): boolean {
  if (pool.links.length === 0) return false;
  return enqueueAll(pool, pool.links, write, offset);
}

/**
 * Puts one command into the output queues of these links. It is encoded once for all of them, and once more if some of
 * the gateways have not subscribed to the lane.
 *
 * @param offset - as in `enqueueToClient`
 * @returns false when one of the links is full
 */
export function enqueueAll(
  pool: GatewayPool,
  links: readonly GatewayLink[],
  write: (writer: ByteWriter, offset: number) => void,
  offset = 0,
): boolean {
  const [first] = links;
  if (first === undefined) return true;
  if (links.length === 1) return enqueue(pool, first, callWrite, write, offset);
  let numbered: ByteWriter | undefined;
  let plain: ByteWriter | undefined;
  let isQueued = true;
  for (const link of links) {
    let encoded: ByteWriter;
    if (offset > 0 && link.isNumbered) encoded = numbered ??= encode(write, offset);
    else encoded = plain ??= encode(write, 0);
    if (!enqueue(pool, link, writeEncoded, encoded, offset)) isQueued = false;
  }
  return isQueued;
}

function encode(write: (writer: ByteWriter, offset: number) => void, offset: number): ByteWriter {
  const encoded = new ByteWriter();
  write(encoded, offset);
  return encoded;
}

function callWrite(
  writer: ByteWriter,
  write: (writer: ByteWriter, offset: number) => void,
  offset: number,
): void {
  write(writer, offset);
}

function writeEncoded(writer: ByteWriter, encoded: ByteWriter): void {
  writer.writeBytes(encoded.buffer, 0, encoded.length);
}

/**
 * Puts one command into the output queue of a link, completely or not at all. The queue is bounded: a link refuses
 * commands while its peer has `sendToGatewayBufferSize` bytes unread.
 *
 * @param what - passed to `write`
 * @param offset - as in `enqueueToClient`; passed to `write` if the gateway has subscribed to the lane
 * @returns false when the link is closing or full
 */
export function enqueue<T>(
  pool: GatewayPool,
  link: GatewayLink,
  write: Write<T>,
  what: T,
  offset = 0,
): boolean {
  const { connection } = link;
  const ownOffset = offset > 0 && link.isNumbered ? offset : 0;
  if (!connection.isOpen || connection.output.pendingBytes >= pool.sendToGatewayBufferSize) {
    pool.refusedCommands += 1;
    if (ownOffset > 0) pool.recordRefused(link, ownOffset);
    return false;
  }
  if (link.refusedOffset > 0) link.reportRefused(pool.lane.source);
  const writer = connection.writer();
  const { length } = writer;
  try {
    write(writer, what, ownOffset);
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
): Map<GatewayLink, ConnectionAddress[]> {
  const groups = new Map<GatewayLink, ConnectionAddress[]>();
  for (const address of addresses) {
    const alias = pool.aliases.size === 0 ? undefined : pool.aliases.find(address);
    const link = alias?.link ?? pool.linkOf(address.gatewayToken);
    if (link === undefined) continue;
    const group = groups.get(link);
    if (group === undefined) groups.set(link, [alias ?? address]);
    else group.push(alias ?? address);
  }
  return groups;
}
