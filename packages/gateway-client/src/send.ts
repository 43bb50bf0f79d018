import {
  type ByteWriter,
  type ClientAddress,
  type ConnectionAddress,
  InterestKind,
  type Payload,
  type Reply,
  writeSendReply,
  writeSendToAll,
  writeSendToClient,
  writeSendToClients,
  writeSendToGroups,
  writeSendToUids,
} from '@gatewayworker/protocol';
import { broadcast, enqueue, enqueueAll, enqueueToClient, groupByLink } from './delivery.ts';
import type { GatewayLink } from './gateway-link.ts';
import type { GatewayPool } from './gateway-pool.ts';

const noAddresses: readonly ConnectionAddress[] = [];

// Each send is recorded once if the lane is active, even if no gateway gets it: its receivers may be away. It has the
// same offset at every gateway.

/** Sends to one client. */
export function sendToClient(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  data: Payload,
): boolean {
  const { lane } = pool;
  const isRecorded = lane.isActive && address !== undefined;
  const offset = isRecorded ? lane.record({ kind: 'clients', clients: [address] }, data) : 0;
  return enqueueToClient(
    pool,
    address,
    (writer, to, own) => writeSendToClient(writer, to, data, own),
    offset,
  );
}

/** Answers a request of a client. */
export function sendReply(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  reply: Reply,
): boolean {
  const { lane } = pool;
  let offset = 0;
  if (lane.isActive && address !== undefined) {
    const { number, payload, isFailed } = reply;
    offset = lane.record({ kind: 'clients', clients: [address] }, payload, number, isFailed);
  }
  return enqueueToClient(
    pool,
    address,
    (writer, to, own) => writeSendReply(writer, to, reply, own),
    offset,
  );
}

/** Sends to every client except the excluded ones. */
export function sendToAll(
  pool: GatewayPool,
  excluded: readonly ClientAddress[],
  data: Payload,
): boolean {
  const { lane } = pool;
  const offset = lane.isActive ? lane.record({ kind: 'all', excluded }, data) : 0;
  if (excluded.length === 0) {
    return broadcast(pool, (writer, own) => writeSendToAll(writer, [], data, own), offset);
  }
  // Each gateway gets only the excluded clients that it has.
  const byLink = groupByLink(pool, excluded);
  let isSent = pool.links.length > 0;
  const write = (writer: ByteWriter, at: readonly ConnectionAddress[], own: number): void =>
    writeSendToAll(writer, at, data, own);
  for (const link of pool.links) {
    if (!enqueue(pool, link, write, byLink.get(link) ?? noAddresses, offset)) isSent = false;
  }
  return isSent;
}

/** Sends to these clients only. */
export function sendToOnly(
  pool: GatewayPool,
  only: readonly ClientAddress[],
  data: Payload,
): boolean {
  const { lane } = pool;
  const isRecorded = lane.isActive && only.length > 0;
  const offset = isRecorded ? lane.record({ kind: 'clients', clients: only }, data) : 0;
  let isSent = pool.links.length > 0;
  const write = (writer: ByteWriter, at: readonly ConnectionAddress[], own: number): void =>
    writeSendToClients(writer, at, data, own);
  for (const [link, addresses] of groupByLink(pool, only)) {
    if (!enqueue(pool, link, write, addresses, offset)) isSent = false;
  }
  return isSent;
}

/** Sends to every client of these uids. */
export function sendToUids(pool: GatewayPool, uids: readonly string[], data: Payload): boolean {
  const { links, interest, lane } = pool;
  const offset = lane.isActive ? lane.record({ kind: 'uids', uids }, data) : 0;
  const writeAll = (writer: ByteWriter, own: number): void =>
    writeSendToUids(writer, uids, data, own);
  if (!interest.covers(links)) return broadcast(pool, writeAll, offset);
  if (uids.length === 1) {
    const interested = interest.find(InterestKind.Uid, uids[0] as string);
    return enqueueToInterested(pool, interested, writeAll, offset);
  }
  const write = (writer: ByteWriter, at: readonly string[], own: number): void =>
    writeSendToUids(writer, at, data, own);
  let isSent = links.length > 0;
  for (const [link, names] of namesByLink(pool, InterestKind.Uid, uids)) {
    if (!enqueue(pool, link, write, names, offset)) isSent = false;
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
  const { lane } = pool;
  const offset = lane.isActive ? lane.record({ kind: 'groups', groups, excluded }, data) : 0;
  const links = linksOfNames(pool, InterestKind.Group, groups);
  if (excluded.length === 0) {
    const receivers = { groups, excluded: noAddresses };
    return enqueueToInterested(
      pool,
      links,
      (writer, own) => writeSendToGroups(writer, receivers, data, own),
      offset,
    );
  }
  // Each gateway gets only the excluded clients that it has.
  const byLink = groupByLink(pool, excluded);
  let isSent = pool.links.length > 0;
  const write = (writer: ByteWriter, at: readonly ConnectionAddress[], own: number): void =>
    writeSendToGroups(writer, { groups, excluded: at }, data, own);
  for (const link of links) {
    if (!enqueue(pool, link, write, byLink.get(link) ?? noAddresses, offset)) isSent = false;
  }
  return isSent;
}

/** Puts a command into the queues of interested gateways. Without any, it returns whether a gateway is linked. */
function enqueueToInterested(
  pool: GatewayPool,
  links: readonly GatewayLink[],
  write: (writer: ByteWriter, offset: number) => void,
  offset: number,
): boolean {
  return pool.links.length > 0 && enqueueAll(pool, links, write, offset);
}

/** The gateways that may have members of one of these names. */
export function linksOfNames(
  pool: GatewayPool,
  kind: InterestKind,
  names: readonly string[],
): readonly GatewayLink[] {
  const { links, interest } = pool;
  if (!interest.covers(links)) return links;
  if (names.length === 1) return interest.find(kind, names[0] as string);
  return [...namesByLink(pool, kind, names).keys()];
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
