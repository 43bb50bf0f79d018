import {
  type ByteWriter,
  type ClientAddress,
  type Payload,
  writeSendToAll,
  writeSendToClient,
  writeSendToClients,
  writeSendToGroups,
  writeSendToUids,
} from '@gatewayworker/protocol';
import { groupByLink, handToAll, handToClient, handToLink } from './delivery.ts';
import type { GatewayPool } from './gateway-pool.ts';

const nobody: readonly ClientAddress[] = [];

/** Sends to one client. */
export function sendToClient(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  data: Payload,
): boolean {
  return handToClient(pool, address, (writer, to) => writeSendToClient(writer, to, data));
}

/** Sends to every client but the excluded ones. */
export function sendToAll(
  pool: GatewayPool,
  excluded: readonly ClientAddress[],
  data: Payload,
): boolean {
  if (excluded.length === 0) return handToAll(pool, (writer) => writeSendToAll(writer, [], data));
  // Each gateway is told of its own clients only.
  const byLink = groupByLink(pool, excluded);
  let isComplete = pool.links.length > 0;
  const write = (writer: ByteWriter, own: readonly ClientAddress[]): void =>
    writeSendToAll(writer, own, data);
  for (const link of pool.links) {
    if (!handToLink(pool, link, write, byLink.get(link) ?? nobody)) isComplete = false;
  }
  return isComplete;
}

/** Sends to these clients; to nobody when there are none. */
export function sendToOnly(
  pool: GatewayPool,
  only: readonly ClientAddress[],
  data: Payload,
): boolean {
  let isComplete = pool.links.length > 0;
  const write = (writer: ByteWriter, own: readonly ClientAddress[]): void =>
    writeSendToClients(writer, own, data);
  for (const [link, addresses] of groupByLink(pool, only)) {
    if (!handToLink(pool, link, write, addresses)) isComplete = false;
  }
  return isComplete;
}

/** Sends to every client of these uids. */
export function sendToUids(pool: GatewayPool, uids: readonly string[], data: Payload): boolean {
  return handToAll(pool, (writer) => writeSendToUids(writer, uids, data));
}

/** Sends once to each member of these groups, the excluded ones left out. */
export function sendToGroups(
  pool: GatewayPool,
  groups: readonly string[],
  excluded: readonly ClientAddress[],
  data: Payload,
): boolean {
  if (excluded.length === 0) {
    return handToAll(pool, (writer) => writeSendToGroups(writer, { groups, excluded }, data));
  }
  const byLink = groupByLink(pool, excluded);
  let isComplete = pool.links.length > 0;
  const write = (writer: ByteWriter, own: readonly ClientAddress[]): void =>
    writeSendToGroups(writer, { groups, excluded: own }, data);
  for (const link of pool.links) {
    if (!handToLink(pool, link, write, byLink.get(link) ?? nobody)) isComplete = false;
  }
  return isComplete;
}
