import {
  type ByteWriter,
  type ClientAddress,
  InterestKind,
  type Payload,
  writeSendToAll,
  writeSendToClient,
  writeSendToClients,
  writeSendToGroups,
  writeSendToUids,
} from '@gatewayworker/protocol';
import { broadcast, enqueue, enqueueAll, enqueueToClient, groupByLink } from './delivery.ts';
import type { GatewayLink } from './gateway-link.ts';
import type { GatewayPool } from './gateway-pool.ts';

const noAddresses: readonly ClientAddress[] = [];

/** Sends to one client. */
export function sendToClient(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  data: Payload,
): boolean {
  return enqueueToClient(pool, address, (writer, to) => writeSendToClient(writer, to, data));
}

/** Sends to every client except the excluded ones. */
export function sendToAll(
  pool: GatewayPool,
  excluded: readonly ClientAddress[],
  data: Payload,
): boolean {
  if (excluded.length === 0) return broadcast(pool, (writer) => writeSendToAll(writer, [], data));
  // Each gateway gets only the excluded clients that it has.
  const byLink = groupByLink(pool, excluded);
  let isSent = pool.links.length > 0;
  const write = (writer: ByteWriter, own: readonly ClientAddress[]): void =>
    writeSendToAll(writer, own, data);
  for (const link of pool.links) {
    if (!enqueue(pool, link, write, byLink.get(link) ?? noAddresses)) isSent = false;
  }
  return isSent;
}

/** Sends to these clients only. */
export function sendToOnly(
  pool: GatewayPool,
  only: readonly ClientAddress[],
  data: Payload,
): boolean {
  let isSent = pool.links.length > 0;
  const write = (writer: ByteWriter, own: readonly ClientAddress[]): void =>
    writeSendToClients(writer, own, data);
  for (const [link, addresses] of groupByLink(pool, only)) {
    if (!enqueue(pool, link, write, addresses)) isSent = false;
  }
  return isSent;
}

/** Sends to every client of these uids. */
export function sendToUids(pool: GatewayPool, uids: readonly string[], data: Payload): boolean {
  const { links, interest } = pool;
  if (!interest.covers(links)) {
    return broadcast(pool, (writer) => writeSendToUids(writer, uids, data));
  }
  if (uids.length === 1) {
    const interested = interest.find(InterestKind.Uid, uids[0] as string);
    return enqueueToInterested(pool, interested, (writer) => writeSendToUids(writer, uids, data));
  }
  const write = (writer: ByteWriter, own: readonly string[]): void =>
    writeSendToUids(writer, own, data);
  let isSent = links.length > 0;
  for (const [link, own] of namesByLink(pool, InterestKind.Uid, uids)) {
    if (!enqueue(pool, link, write, own)) isSent = false;
  }
  return isSent;
}

/** Sends once to each member of these groups, except the excluded clients. */
export function sendToGroups(
  pool: GatewayPool,
  groups: readonly string[],
  excluded: readonly ClientAddress[],
  data: Payload,
): boolean {
  const links = linksOfGroups(pool, groups);
  if (excluded.length === 0) {
    return enqueueToInterested(pool, links, (writer) =>
      writeSendToGroups(writer, { groups, excluded }, data),
    );
  }
  // Each gateway gets only the excluded clients that it has.
  const byLink = groupByLink(pool, excluded);
  let isSent = pool.links.length > 0;
  const write = (writer: ByteWriter, own: readonly ClientAddress[]): void =>
    writeSendToGroups(writer, { groups, excluded: own }, data);
  for (const link of links) {
    if (!enqueue(pool, link, write, byLink.get(link) ?? noAddresses)) isSent = false;
  }
  return isSent;
}

/** Puts a command into the queues of interested gateways. Without any, it returns whether a gateway is linked. */
function enqueueToInterested(
  pool: GatewayPool,
  links: readonly GatewayLink[],
  write: (writer: ByteWriter) => void,
): boolean {
  return pool.links.length > 0 && enqueueAll(pool, links, write);
}

function linksOfGroups(pool: GatewayPool, groups: readonly string[]): readonly GatewayLink[] {
  const { links, interest } = pool;
  if (!interest.covers(links)) return links;
  if (groups.length === 1) return interest.find(InterestKind.Group, groups[0] as string);
  return [...namesByLink(pool, InterestKind.Group, groups).keys()];
}

/** Groups names by the gateways that may have members of them. */
function namesByLink(
  pool: GatewayPool,
  kind: InterestKind,
  names: readonly string[],
): Map<GatewayLink, string[]> {
  const byLink = new Map<GatewayLink, string[]>();
  for (const name of names) {
    for (const link of pool.interest.find(kind, name)) {
      const own = byLink.get(link);
      if (own === undefined) byLink.set(link, [name]);
      else own.push(name);
    }
  }
  return byLink;
}
