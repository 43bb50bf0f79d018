import { GatewayWorkerError, PartialResultError, toError } from '@gatewayworker/core';
import type { ClientAddress, ClientQuery, ClusterQuery, Query } from '@gatewayworker/protocol';
import { parseList } from './answer.ts';
import type { GatewayLink } from './gateway-link.ts';
import type { GatewayPool } from './gateway-pool.ts';
import { type Merge, mergeByKey } from './merge.ts';

/**
 * Asks the gateway of one client.
 *
 * @param parse - checks the answer
 * @param offline - the answer for an invalid client id, and for a client whose gateway has ended
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
  const alias = pool.aliases.find(address);
  const { connection, nonceHigh, nonceLow } = alias ?? address;
  const gatewayToken = alias?.link.gatewayToken ?? address.gatewayToken;
  const at = pool.linkOf(gatewayToken)?.address ?? pool.unlinkedAddressOf(gatewayToken);
  if (at === undefined) return offline;
  const query = { kind, client: { connection, nonceHigh, nonceLow } };
  const outcome = await askAt(pool, { address: at, gatewayToken }, query, parse);
  if (outcome.kind === 'answer') return outcome.answer;
  if (outcome.kind === 'ended') return offline;
  throw new PartialResultError(undefined, [at], { cause: outcome.cause });
}

/**
 * Sends a query to all gateways in parallel and merges the answers.
 *
 * @param parse - checks one answer
 * @param merge - merges the answers of the gateways that answered
 * @throws {GW_ERR_NOT_CONNECTED} when no gateway is linked
 * @throws {GW_ERR_PARTIAL_RESULT} when a live gateway is not linked or does not answer in time
 */
export async function askEveryGateway<T, R>(
  pool: GatewayPool,
  query: ClusterQuery,
  parse: (answer: unknown) => T,
  merge: Merge<T, R>,
): Promise<R> {
  assertLinked(pool);
  const addresses = [...pool.unlinkedAddresses, ...pool.links.map(({ address }) => address)];
  const answers: T[] = [];
  const missing: string[] = [];
  let cause: Error | undefined;
  await Promise.all(
    addresses.map(async (address) => {
      const outcome = await askAt(pool, { address }, query, parse);
      if (outcome.kind === 'answer') answers.push(outcome.answer);
      if (outcome.kind !== 'missing') return;
      missing.push(address);
      cause ??= outcome.cause;
    }),
  );
  const result = merge(answers);
  if (missing.length > 0) throw new PartialResultError(result, missing, { cause });
  return result;
}

/**
 * Sends one query about several keys to all gateways and merges the answers key by key. Without keys, no query is sent
 * and the map is empty.
 *
 * @param parse - checks the answer for one key
 * @param merge - merges the answers of several gateways for one key
 * @throws as `askEveryGateway`; the partial answer is a map with every key
 */
export async function askAboutKeys<T, R>(
  pool: GatewayPool,
  query: ClusterQuery,
  keys: readonly string[],
  { parse, merge }: { readonly parse: (answer: unknown) => T; readonly merge: Merge<T, R> },
): Promise<Map<string, R>> {
  if (keys.length === 0) return new Map();
  return askEveryGateway(pool, query, parseList(parse, keys.length), mergeByKey(keys, merge));
}

/** Result of a query to one gateway. */
type Outcome<T> =
  | { readonly kind: 'answer'; readonly answer: T }
  /** The gateway has ended, and its clients with it. */
  | { readonly kind: 'ended' }
  /** The gateway is alive, but is not linked or has not answered. */
  | { readonly kind: 'missing'; readonly cause: Error | undefined };

/**
 * Asks the gateway at an address. A gateway that is being dialed gets time to be linked first. If the link ends before
 * the answer, the query is sent once more on the next link.
 *
 * @param at.gatewayToken - token of the process; without it, any process at the address
 */
async function askAt<T>(
  pool: GatewayPool,
  { address, gatewayToken }: { readonly address: string; readonly gatewayToken?: number },
  query: Query,
  parse: (answer: unknown) => T,
): Promise<Outcome<T>> {
  const deadline = performance.now() + pool.queryTimeoutMs;
  let asked: GatewayLink | undefined;
  let cause: Error | undefined;
  for (let attempt = 0; attempt < 2; attempt++) {
    // No `await` precedes the query to a linked gateway, so it stays in order with the commands of the caller.
    if (pool.linkAt(address) === undefined) await pool.waitForAttempt(address, restMs(deadline));
    const link = pool.linkAt(address);
    if (link === undefined || link === asked) break;
    if (gatewayToken !== undefined && link.gatewayToken !== gatewayToken) break;
    asked = link;
    try {
      return { kind: 'answer', answer: parse(await ask(pool, link, query, restMs(deadline))) };
    } catch (error) {
      cause = toError(error);
    }
  }
  return pool.hasGateway(address, gatewayToken) ? { kind: 'missing', cause } : { kind: 'ended' };
}

function restMs(deadline: number): number {
  return Math.max(1, Math.ceil(deadline - performance.now()));
}

/**
 * Asks one gateway.
 *
 * @throws {GW_ERR_LINK_FULL} when the output queue of the link is full
 */
function ask(
  pool: GatewayPool,
  link: GatewayLink,
  query: Query,
  timeoutMs: number,
): Promise<unknown> {
  if (link.connection.output.pendingBytes < pool.sendToGatewayBufferSize) {
    return link.ask(query, timeoutMs);
  }
  return Promise.reject(new GatewayWorkerError('GW_ERR_LINK_FULL'));
}

function assertLinked(pool: GatewayPool): void {
  if (pool.links.length === 0) throw new GatewayWorkerError('GW_ERR_NOT_CONNECTED');
}
