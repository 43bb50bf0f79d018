import { setTimeout as sleep } from 'node:timers/promises';
import { backoffDelayMs, type Logger, toError } from '@gatewayworker/core';
import { type EtcdClient, toBase64 } from './etcd-client.ts';

/** Time after which an etcd deletes the key of a process that does not renew its lease, in seconds. */
const LEASE_SECONDS = 5;

const RENEW_MS = (LEASE_SECONDS * 1000) / 3;
const BACKOFF = { initialMs: 100, maxMs: 1000, random: Math.random };

/** A key in an etcd, with a lease that this process renews. When the process dies, the key is deleted within 5 s. */
export class EtcdLease {
  /** Resolves once the etcd has the key, or a first attempt has failed. */
  readonly settled: Promise<void>;
  readonly #client: EtcdClient;
  readonly #key: string;
  readonly #value: string;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #lease: string | undefined;
  #isHeld = false;
  #wasHeld = false;
  #onSettled: () => void = () => undefined;

  constructor(client: EtcdClient, key: string, value: string, logger: Logger) {
    this.#client = client;
    this.#key = key;
    this.#value = value;
    this.#logger = logger;
    this.settled = new Promise((resolve) => {
      this.#onSettled = resolve;
    });
    this.#done = this.#run();
  }

  /** True once the etcd has had the key. */
  get wasHeld(): boolean {
    return this.#wasHeld;
  }

  /** True while the etcd has the key and answers. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Deletes the key, if the etcd can be reached. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
    if (this.#lease === undefined) return;
    const ID = this.#lease;
    // If the etcd cannot be reached, the lease expires.
    await this.#client
      .call('/v3/lease/revoke', { ID }, AbortSignal.timeout(1000))
      .catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (this.#lease === undefined) await this.#put();
        else if (await this.#renew(this.#lease)) await this.#repair(this.#lease);
        else this.#lease = undefined;
        failures = 0;
        this.#isHeld = this.#lease !== undefined;
        this.#wasHeld ||= this.#isHeld;
      } catch (error) {
        if (signal.aborted) return;
        this.#isHeld = false;
        if (failures === 0)
          this.#logger.warn({ reason: toError(error).message }, 'etcd unavailable');
        failures += 1;
      }
      this.#onSettled();
      let pauseMs = this.#lease === undefined ? 0 : RENEW_MS;
      if (failures > 0) pauseMs = backoffDelayMs(failures - 1, BACKOFF);
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #put(): Promise<void> {
    const { signal } = this.#abort;
    const granted = await this.#client.call('/v3/lease/grant', { TTL: LEASE_SECONDS }, signal);
    const lease: unknown = Reflect.get(Object(granted), 'ID');
    const key = toBase64(this.#key);
    await this.#client.call('/v3/kv/put', { key, value: toBase64(this.#value), lease }, signal);
    this.#lease = String(lease);
  }

  /**
   * Puts the key again if it was deleted or changed by another program. The lease itself continues without its key, so
   * renewing it does not show that other processes cannot find this one.
   */
  async #repair(lease: string): Promise<void> {
    const [key, value] = [toBase64(this.#key), toBase64(this.#value)];
    const compare = [
      { key, target: 'VALUE', result: 'EQUAL', value },
      { key, target: 'LEASE', result: 'EQUAL', lease },
    ];
    const failure = [{ request_put: { key, value, lease } }];
    const answer = await this.#client.call('/v3/kv/txn', { compare, failure }, this.#abort.signal);
    if (Reflect.get(Object(answer), 'succeeded') === true) return;
    this.#logger.warn({ key: this.#key }, 'the key in the etcd was missing or changed: put again');
  }

  /** Renews the lease. Returns false if it has expired. */
  async #renew(ID: string): Promise<boolean> {
    const answer = await this.#client.call('/v3/lease/keepalive', { ID }, this.#abort.signal);
    const ttl: unknown = Reflect.get(Object(Reflect.get(Object(answer), 'result')), 'TTL');
    return Number(ttl) > 0;
  }
}
