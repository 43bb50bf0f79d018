import { GatewayWorkerError } from '@gatewayworker/core';
import {
  type ClientAddress,
  InterestKind,
  type LaneReceivers,
  type Payload,
  type ReceiptReceivers,
  writeSendWithReceipt,
} from '@gatewayworker/protocol';
import { enqueue } from './delivery.ts';
import type { GatewayLink } from './gateway-link.ts';
import type { GatewayPool } from './gateway-pool.ts';
import type { ReceiptOptions, SendReceipt } from './receipt-options.ts';
import { linksOfNames } from './send.ts';

const noReceivers: ReceiptReceivers = { addresses: [], uids: [] };

/** Where a message goes. */
interface Target {
  readonly links: readonly GatewayLink[];
  readonly receivers: ReceiptReceivers;
  /** For the lane. */
  readonly recorded: LaneReceivers;
  /** Addresses of gateways that may have a receiver, and are not linked. */
  readonly missing: readonly string[];
}

/**
 * Sends to one client, and resolves with its receipt.
 *
 * @param address - `undefined` for an invalid client id
 * @throws {GW_ERR_NOT_CONNECTED} when no gateway is linked
 * @throws {GW_ERR_RECEIPTS_FULL} when too many receipts are open; nothing is sent
 * @throws {GW_ERR_PARTIAL_RESULT} when its gateway has not reported
 */
export function sendToClientWithReceipt(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  data: Payload,
  options: Required<ReceiptOptions>,
): Promise<SendReceipt> {
  if (address === undefined) return Promise.resolve({ offline: true, devices: [] });
  const alias = pool.aliases.find(address);
  const link = alias?.link ?? pool.linkOf(address.gatewayToken);
  const unlinked = link === undefined ? pool.unlinkedAddressOf(address.gatewayToken) : undefined;
  const target: Target = {
    links: link === undefined ? [] : [link],
    receivers: { ...noReceivers, addresses: [alias ?? address] },
    recorded: { kind: 'clients', clients: [address] },
    missing: unlinked === undefined ? [] : [unlinked],
  };
  return send(pool, target, data, options);
}

/** Sends to every client of these uids, and resolves with their receipts. @throws as `sendToClientWithReceipt` */
export function sendToUidsWithReceipt(
  pool: GatewayPool,
  uids: readonly string[],
  data: Payload,
  options: Required<ReceiptOptions>,
): Promise<SendReceipt> {
  const target: Target = {
    links: linksOfNames(pool, InterestKind.Uid, uids),
    receivers: { ...noReceivers, uids },
    recorded: { kind: 'uids', uids },
    missing: pool.unlinkedAddresses,
  };
  return send(pool, target, data, options);
}

function send(
  pool: GatewayPool,
  { links, receivers, recorded, missing }: Target,
  data: Payload,
  options: Required<ReceiptOptions>,
): Promise<SendReceipt> {
  const { lane, receipts } = pool;
  if (pool.links.length === 0)
    return Promise.reject(new GatewayWorkerError('GW_ERR_NOT_CONNECTED'));
  if (receipts.isFull) return Promise.reject(new GatewayWorkerError('GW_ERR_RECEIPTS_FULL'));
  const offset = lane.isActive ? lane.record(recorded, data) : 0;
  return receipts.wait(options, offset, (request) => {
    const sent: GatewayLink[] = [];
    const refused: string[] = [];
    for (const link of links) {
      const isQueued = enqueue(
        pool,
        link,
        (writer, to, own) => writeSendWithReceipt(writer, request, to, data, own),
        receivers,
        offset,
      );
      if (isQueued) sent.push(link);
      else refused.push(link.address);
    }
    return { sent, missing: [...missing, ...refused] };
  });
}
