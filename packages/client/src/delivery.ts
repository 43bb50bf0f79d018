import { ByteWriter, type ClientAddress } from '@gatewayworker/protocol';
import type { GatewayLink } from './gateway-link.ts';
import type { GatewayPool } from './gateway-pool.ts';

/**
 * Hands a command to the gateway of one client.
 *
 * @returns false when the id was none, its gateway is not linked, or the link is full
 */
export function handToClient(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  write: (writer: ByteWriter, address: ClientAddress) => void,
): boolean {
  const link = address === undefined ? undefined : pool.linkOf(address.gatewayToken);
  if (address === undefined || link === undefined || !takeRoom(pool, link)) return false;
  write(link.connection.writer(), address);
  return true;
}

/**
 * Hands one command to every gateway. It is encoded once, however many there are.
 *
 * @returns false when no gateway is linked or a link is full
 */
export function handToAll(pool: GatewayPool, write: (writer: ByteWriter) => void): boolean {
  const { links } = pool;
  const [first] = links;
  if (first === undefined) return false;
  if (links.length === 1) {
    if (!takeRoom(pool, first)) return false;
    write(first.connection.writer());
    return true;
  }
  const encoded = new ByteWriter();
  write(encoded);
  let isComplete = true;
  for (const link of links) {
    if (takeRoom(pool, link))
      link.connection.writer().writeBytes(encoded.buffer, 0, encoded.length);
    else isComplete = false;
  }
  return isComplete;
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

/**
 * Asks for room on a link for one command, and counts the command as handed or refused. A peer that
 * reads slowly makes nothing grow: past its limit a link takes no more.
 */
export function takeRoom(pool: GatewayPool, link: GatewayLink): boolean {
  const { connection } = link;
  const isHanded =
    connection.isOpen && connection.output.pendingBytes < pool.sendToGatewayBufferSize;
  if (isHanded) pool.handedCommands += 1;
  else pool.refusedCommands += 1;
  return isHanded;
}
