import { GatewayWorkerError, PartialResultError, toError } from '@gatewayworker/core';
import type { ClientAddress, ClientQuery, ClusterQuery, Query } from '@gatewayworker/protocol';
import { parseList } from './answer.ts';
import type { GatewayLink } from './gateway-link.ts';
import type { GatewayPool } from './gateway-pool.ts';
import { type Join, joinByKey } from './join.ts';

/**
 * Asks the gateway of one client.
 *
 * @param parse - checks the answer
 * @param offline - the answer for an id that is none, or whose gateway is gone
 * @throws {GW_ERR_PARTIAL_RESULT} when its gateway is alive but not linked, or does not answer in time
 */
export async function askGatewayOf<T>(
  pool: GatewayPool,
  address: ClientAddress | undefined,
  kind: ClientQuery['kind'],
  { parse, offline }: { readonly parse: (answer: unknown) => T; readonly offline: T },
): Promise<T> {
  assertLinked(pool);
  if (address === undefined) return offline;
  const { gatewayToken, connection, nonceHigh, nonceLow } = address;
  const link = pool.linkOf(gatewayToken);
  if (link === undefined) {
    const unlinked = pool.unlinkedAddressOf(gatewayToken);
    if (unlinked === undefined) return offline;
    throw new PartialResultError(undefined, [unlinked]);
  }
  const query = { kind, client: { connection, nonceHigh, nonceLow } };
  try {
    return parse(await ask(pool, link, query));
  } catch (error) {
    throw new PartialResultError(undefined, [link.address], { cause: toError(error) });
  }
}

/**
 * Asks every gateway at once and joins the answers.
 *
 * @param parse - checks one answer
 * @param join - joins the answers of the gateways that gave one
 * @throws {GW_ERR_NOT_CONNECTED} when no gateway is linked
 * @throws {GW_ERR_PARTIAL_RESULT} when a live gateway is not linked or does not answer in time
 */
export async function askEveryGateway<T, R>(
  pool: GatewayPool,
  query: ClusterQuery,
  parse: (answer: unknown) => T,
  join: Join<T, R>,
): Promise<R> {
  assertLinked(pool);
  const missing = pool.unlinkedAddresses;
  const answers: T[] = [];
  let cause: Error | undefined;
  await Promise.all(
    pool.links.map(async (link) => {
      try {
        answers.push(parse(await ask(pool, link, query)));
      } catch (error) {
        missing.push(link.address);
        cause ??= toError(error);
      }
    }),
  );
  const result = join(answers);
  if (missing.length > 0) throw new PartialResultError(result, missing, { cause });
  return result;
}

/**
 * Asks every gateway one query about several keys and joins the answers key by key. No keys are no
 * question: the map is empty.
 *
 * @param parse - checks the answer for one key
 * @param join - joins the answers of several gateways for one key
 * @throws as `askEveryGateway`; what is partial is a map with every key
 */
export async function askAboutKeys<T, R>(
  pool: GatewayPool,
  query: ClusterQuery,
  keys: readonly string[],
  { parse, join }: { readonly parse: (answer: unknown) => T; readonly join: Join<T, R> },
): Promise<Map<string, R>> {
  if (keys.length === 0) return new Map();
  return askEveryGateway(pool, query, parseList(parse, keys.length), joinByKey(keys, join));
}

/**
 * Asks one gateway.
 *
 * @throws {GW_ERR_LINK_FULL} when so much is unsent that it would not be asked soon
 */
function ask(pool: GatewayPool, link: GatewayLink, query: Query): Promise<unknown> {
  if (link.connection.output.pendingBytes < pool.sendToGatewayBufferSize) {
    return link.ask(query, pool.queryTimeoutMs);
  }
  return Promise.reject(new GatewayWorkerError('GW_ERR_LINK_FULL'));
}

function assertLinked(pool: GatewayPool): void {
  if (pool.links.length === 0) throw new GatewayWorkerError('GW_ERR_NOT_CONNECTED');
}
