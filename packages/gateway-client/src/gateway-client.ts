import { randomUUID } from 'node:crypto';
import {
  createLogger,
  FlushScheduler,
  GatewayWorkerError,
  Guard,
  hideSecrets,
  type Logger,
  withCallerStack,
} from '@gatewayworker/core';
import { parseDiscoveryAddress } from '@gatewayworker/discovery';
import {
  type ClientAddress,
  DialerRole,
  formatClientId,
  InterestKind,
  type Payload,
  writeCloseClient,
  writeCloseGroup,
  writeCloseUid,
  writeDestroyClient,
  writeLeaveGroup,
  writeSetSession,
  writeUnbindUid,
  writeUngroup,
  writeUpdateSession,
} from '@gatewayworker/protocol';
import {
  assertCallOptions,
  type CloseOptions,
  parseClientIdArgument,
  parseClientIdsArgument,
  parseClose,
  parseGroup,
  parseGroups,
  parsePayload,
  parseUid,
  parseUids,
} from './arguments.ts';
import { broadcast, enqueueJoin, enqueueToClient } from './delivery.ts';
import type { GatewayApi, SendToAllOptions, SendToGroupOptions } from './gateway-api.ts';
import { GatewayPool } from './gateway-pool.ts';
import { GatewayQueries } from './gateway-queries.ts';
import {
  type GatewayClientOptions,
  type ResolvedGatewayClientOptions,
  resolveGatewayClientOptions,
} from './options.ts';
import { parseReceiptOptions, type ReceiptOptions, type SendReceipt } from './receipt-options.ts';
import { sendToAll, sendToClient, sendToGroups, sendToOnly, sendToUids } from './send.ts';
import { sendToClientWithReceipt, sendToUidsWithReceipt } from './send-with-receipt.ts';
import { packSession } from './session-argument.ts';

/** What an address leads to, for errors. */
const serverNames = { registers: 'register', etcd: 'etcd' } as const;

/**
 * The Gateway API of a process that is not a business worker.
 *
 * ```ts
 * const api = await GatewayClient.connect({ registerAddress, secretKey });
 * ```
 */
export class GatewayClient extends GatewayQueries implements GatewayApi {
  readonly #pool: () => GatewayPool;

  /** For the framework itself; applications call `GatewayClient.connect`. */
  constructor(pool: () => GatewayPool) {
    super(pool);
    this.#pool = pool;
  }

  /**
   * Links to every gateway of a cluster, from a Node.js process that is not one of its workers.
   *
   * @throws {GW_ERR_OPTION_INVALID} when an option is invalid
   * @throws {GW_ERR_AUTHENTICATION_FAILED} when every register refuses the `secretKey`, at once; or when within
   * `connectTimeoutMs` one register refuses it and none accepts it
   * @throws {GW_ERR_VERSION_MISMATCH} when a register has another version of the inner protocol, and none has this one
   * @throws {GW_ERR_CONNECT_TIMEOUT} when no register and no etcd answers within `connectTimeoutMs`; `cause` is the
   * last failure
   */
  static async connect(
    options: GatewayClientOptions = {},
    logger?: Logger,
  ): Promise<GatewayClient> {
    const resolved = resolveForCaller(options);
    const { registerAddress, secretKey, name, connectTimeoutMs } = resolved;
    const address = parseDiscoveryAddress('GatewayClient.registerAddress', registerAddress);
    const log =
      logger ?? createLogger({ fields: { role: 'client', name }, level: 'warn', stderr: true });
    const pool = new GatewayPool({
      ...resolved,
      address,
      identity: { role: DialerRole.Client, instanceId: randomUUID(), name, id: 0 },
      secretKey,
      scheduler: new FlushScheduler(new Guard(log)),
      logger: log,
    });
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, connectTimeoutMs);
    });
    await Promise.race([pool.settled(), pool.refused(), deadline]);
    clearTimeout(timer);
    // A gateway that does not answer must not prevent the use of the others: queries report it as missing.
    if (pool.hasSnapshot) return clientOf(pool);
    const { failure } = pool;
    await pool.close();
    // The address of an etcd may contain a password.
    const shown = String(hideSecrets(registerAddress));
    throw connectFailed(`${serverNames[address.kind]} at ${shown}`, connectTimeoutMs, failure);
  }

  /**
   * Sends the queued commands and closes every link; resolves when that is done. The client cannot be used afterwards.
   *
   * What it has sent to clients that are away and can resume, another process keeps for them. Passing it on takes up to
   * 5 seconds.
   */
  async close(): Promise<void> {
    const pool = this.#pool();
    const handover = pool.handOverLanes();
    // The links close within this call if there is nothing to pass on.
    if (!handover.isOver) await handover.over;
    await pool.close();
  }

  sendToAll(data: Payload, options: SendToAllOptions = {}): boolean {
    const payload = parsePayload(data);
    assertCallOptions(options, ['only', 'exclude']);
    const excluded = parseExclude(options);
    // Unlike other options, `only: undefined` is an error: it would send a message for a few clients to all of them.
    if (!('only' in options)) return sendToAll(this.#pool(), excluded, payload);
    const receivers = withoutDuplicates(parseClientIdsArgument('only', options.only), excluded);
    return sendToOnly(this.#pool(), receivers, payload);
  }

  sendToClient(clientId: string, data: Payload): boolean;
  sendToClient(clientId: string, data: Payload, options: ReceiptOptions): Promise<SendReceipt>;
  sendToClient(
    clientId: string,
    data: Payload,
    options?: ReceiptOptions,
  ): boolean | Promise<SendReceipt> {
    const payload = parsePayload(data);
    const address = parseClientIdArgument('clientId', clientId);
    if (options === undefined) return sendToClient(this.#pool(), address, payload);
    const parsed = parseReceiptOptions(options);
    return sendToClientWithReceipt(this.#pool(), address, payload, parsed);
  }

  sendToUid(uid: string | number | readonly (string | number)[], data: Payload): boolean;
  sendToUid(
    uid: string | number | readonly (string | number)[],
    data: Payload,
    options: ReceiptOptions,
  ): Promise<SendReceipt>;
  sendToUid(
    uid: string | number | readonly (string | number)[],
    data: Payload,
    options?: ReceiptOptions,
  ): boolean | Promise<SendReceipt> {
    const payload = parsePayload(data);
    const uids = parseUids(uid);
    if (options === undefined) return sendToUids(this.#pool(), uids, payload);
    return sendToUidsWithReceipt(this.#pool(), uids, payload, parseReceiptOptions(options));
  }

  sendToGroup(
    group: string | readonly string[],
    data: Payload,
    options: SendToGroupOptions = {},
  ): boolean {
    const payload = parsePayload(data);
    assertCallOptions(options, ['exclude']);
    return sendToGroups(this.#pool(), parseGroups(group), parseExclude(options), payload);
  }

  closeClient(clientId: string, data?: Payload | null, options?: CloseOptions): boolean {
    const close = parseClose(data, options);
    const address = parseClientIdArgument('clientId', clientId);
    return enqueueToClient(this.#pool(), address, (writer, to) =>
      writeCloseClient(writer, to, close),
    );
  }

  destroyClient(clientId: string): boolean {
    const address = parseClientIdArgument('clientId', clientId);
    return enqueueToClient(this.#pool(), address, writeDestroyClient);
  }

  closeUid(uid: string | number, data?: Payload | null, options?: CloseOptions): boolean {
    const close = parseClose(data, options);
    const name = parseUid(uid);
    return broadcast(this.#pool(), (writer) => writeCloseUid(writer, name, close));
  }

  closeGroup(group: string, data?: Payload | null, options?: CloseOptions): boolean {
    const close = parseClose(data, options);
    const name = parseGroup(group);
    return broadcast(this.#pool(), (writer) => writeCloseGroup(writer, name, close));
  }

  bindUid(clientId: string, uid: string | number): boolean {
    const address = parseClientIdArgument('clientId', clientId);
    const name = parseUid(uid);
    return enqueueJoin(this.#pool(), address, { kind: InterestKind.Uid, name });
  }

  unbindUid(clientId: string): boolean {
    const address = parseClientIdArgument('clientId', clientId);
    return enqueueToClient(this.#pool(), address, writeUnbindUid);
  }

  joinGroup(clientId: string, group: string): boolean {
    const address = parseClientIdArgument('clientId', clientId);
    const name = parseGroup(group);
    return enqueueJoin(this.#pool(), address, { kind: InterestKind.Group, name });
  }

  leaveGroup(clientId: string, group: string): boolean {
    const address = parseClientIdArgument('clientId', clientId);
    const name = parseGroup(group);
    return enqueueToClient(this.#pool(), address, (writer, to) =>
      writeLeaveGroup(writer, to, name),
    );
  }

  ungroup(group: string): boolean {
    const name = parseGroup(group);
    return broadcast(this.#pool(), (writer) => writeUngroup(writer, name));
  }

  setSession(clientId: string, session: object): boolean {
    const packed = packSession('session', session);
    const address = parseClientIdArgument('clientId', clientId);
    return enqueueToClient(this.#pool(), address, (writer, to) =>
      writeSetSession(writer, to, packed),
    );
  }

  updateSession(clientId: string, partial: object): boolean {
    const packed = packSession('partial', partial);
    const address = parseClientIdArgument('clientId', clientId);
    return enqueueToClient(this.#pool(), address, (writer, to) => {
      writeUpdateSession(writer, to, packed);
    });
  }
}

/** Creates the error of `connect` when no register and no etcd has answered, with the last failure as its cause. */
function connectFailed(target: string, timeoutMs: number, cause?: Error): GatewayWorkerError {
  const options = cause && { cause };
  if (cause instanceof GatewayWorkerError && isConfigurationError(cause)) {
    return new GatewayWorkerError(cause.code, `the ${target}: ${cause.message}`, options);
  }
  const reason = cause === undefined ? '' : `: ${cause.message}`;
  const text = `no ${target} answered within ${timeoutMs} ms${reason}`;
  return new GatewayWorkerError('GW_ERR_CONNECT_TIMEOUT', text, options);
}

/** True when retries cannot succeed until the configuration of a process changes. */
function isConfigurationError({ code }: GatewayWorkerError): boolean {
  return code === 'GW_ERR_AUTHENTICATION_FAILED' || code === 'GW_ERR_VERSION_MISMATCH';
}

function parseExclude(options: SendToGroupOptions): ClientAddress[] {
  return options.exclude === undefined ? [] : parseClientIdsArgument('exclude', options.exclude);
}

/** Removes duplicates and excluded clients. */
function withoutDuplicates(
  addresses: readonly ClientAddress[],
  excluded: readonly ClientAddress[],
): ClientAddress[] {
  const seen = new Set(excluded.map(formatClientId));
  return addresses.filter((address) => {
    const clientId = formatClientId(address);
    if (seen.has(clientId)) return false;
    seen.add(clientId);
    return true;
  });
}

/** A function outside of the class, because bundlers rename a class that refers to itself. */
function clientOf(pool: GatewayPool): GatewayClient {
  return new GatewayClient(() => pool);
}

/** A function outside of the class for the same reason. */
function resolveForCaller(options: GatewayClientOptions): ResolvedGatewayClientOptions {
  return withCallerStack(GatewayClient.connect, () => resolveGatewayClientOptions(options));
}
