import { setTimeout as sleep } from 'node:timers/promises';
import { backoffDelayMs, type Logger, toError } from '@gatewayworker/core';
import { type EtcdClient, toBase64 } from './etcd-client.ts';

/** Time after which an etcd forgets who says nothing, in seconds. */
const LEASE_SECONDS = 5;

const RENEW_MS = (LEASE_SECONDS * 1000) / 3;
const BACKOFF = { initialMs: 100, maxMs: 1000, random: Math.random };

/** A key that stands in an etcd while this process lives: for a few seconds more when it dies. */
export class EtcdLease {
  /** Resolves once the key stands, or a first attempt has failed. */
  readonly settled: Promise<void>;
  readonly #client: EtcdClient;
  readonly #key: string;
  readonly #value: string;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #lease: string | undefined;
  #isCurrent = false;
  #isKnown = false;
  #onSettled: () => void = () => undefined;

  constructor(client: EtcdClient, key: string, value: string, logger: Logger) {
    this.#client = client;
    this.#key = key;
    this.#value = value;
    this.#logger = logger;
    this.settled = new Promise((resolve) => {
      this.#onSettled = resolve;
    });
    this.#done = this.#keep();
  }

  /** True once the key has stood. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** True while the key stands and the etcd answers. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  /** Takes the key away, if the etcd can be reached. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
    if (this.#lease === undefined) return;
    const ID = this.#lease;
    // Not to be reached now: the lease ends by itself.
    await this.#client
      .call('/v3/lease/revoke', { ID }, AbortSignal.timeout(1000))
      .catch(() => undefined);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#abort;
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (this.#lease === undefined) await this.#put();
        else if (await this.#renew(this.#lease)) await this.#putAgain(this.#lease);
        else this.#lease = undefined;
        failures = 0;
        this.#isCurrent = this.#lease !== undefined;
        this.#isKnown ||= this.#isCurrent;
      } catch (error) {
        if (signal.aborted) return;
        this.#isCurrent = false;
        if (failures === 0) this.#logger.warn({ reason: toError(error).message }, 'etcd away');
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
   * Puts the key again if it is not as this process left it: a lease goes on when somebody deletes its key, and
   * a process that nobody can find is told so by nothing else.
   */
  async #putAgain(lease: string): Promise<void> {
    const [key, value] = [toBase64(this.#key), toBase64(this.#value)];
    const compare = [
      { key, target: 'VALUE', result: 'EQUAL', value },
      { key, target: 'LEASE', result: 'EQUAL', lease },
    ];
    const failure = [{ request_put: { key, value, lease } }];
    const answer = await this.#client.call('/v3/kv/txn', { compare, failure }, this.#abort.signal);
    if (Reflect.get(Object(answer), 'succeeded') === true) return;
    this.#logger.warn({ key: this.#key }, 'the key in the etcd was gone or another, put again');
  }

  /** Answers false when the lease has ended. */
  async #renew(ID: string): Promise<boolean> {
    const answer = await this.#client.call('/v3/lease/keepalive', { ID }, this.#abort.signal);
    const ttl: unknown = Reflect.get(Object(Reflect.get(Object(answer), 'result')), 'TTL');
    return Number(ttl) > 0;
  }
}
