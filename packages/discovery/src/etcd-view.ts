import { setTimeout as sleep } from 'node:timers/promises';
import { backoffDelayMs, type Logger, toError } from '@gatewayworker/core';
import { BoundedAbort } from './bounded-abort.ts';
import { type EtcdClient, fromBase64, toBase64 } from './etcd-client.ts';

/** Interval of probes, in milliseconds: a watch sends nothing while nothing changes, so it cannot show a dead etcd. */
const PROBE_MS = 5000;

const BACKOFF = { initialMs: 100, maxMs: 1000, random: Math.random };

/** Events of a view. */
export interface EtcdViewEvents {
  /** Called after each change with the values under the prefix, by key. */
  onChange(values: ReadonlyMap<string, string>): void;
  /** Called when the etcd is disconnected, so that the values may be out of date. */
  onLost(): void;
}

/** All keys under a prefix of an etcd, kept up to date by a watch. */
export class EtcdView {
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #events: EtcdViewEvents;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #values = new Map<string, string>();
  readonly #done: Promise<void>;
  #failure: Error | undefined;

  constructor(client: EtcdClient, prefix: string, events: EtcdViewEvents, logger: Logger) {
    this.#client = client;
    this.#prefix = prefix;
    this.#events = events;
    this.#logger = logger;
    this.#done = this.#follow();
  }

  /** The last failure. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Stops watching. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const revision = await this.#read();
        failures = 0;
        this.#events.onChange(this.#values);
        await this.#watch(revision);
      } catch (error) {
        if (signal.aborted) return;
        this.#failure = toError(error);
        if (failures === 0)
          this.#logger.warn({ reason: toError(error).message }, 'etcd unavailable');
        failures += 1;
      }
      if (signal.aborted) return;
      this.#events.onLost();
      const pauseMs = backoffDelayMs(Math.max(0, failures - 1), BACKOFF);
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Reads all values. Returns their revision. */
  async #read(): Promise<bigint> {
    const body = { ...this.#range(), sort_target: 'CREATE', sort_order: 'ASCEND' };
    const answer = Object(await this.#client.call('/v3/kv/range', body, this.#abort.signal));
    this.#values.clear();
    for (const entry of listOf(answer.kvs)) this.#set(entry);
    return BigInt(Object(answer.header).revision ?? 0);
  }

  /** Applies changes until the etcd stops answering probes, ends the watch or cannot be reached. */
  async #watch(revision: bigint): Promise<void> {
    const create_request = { ...this.#range(), start_revision: String(revision + 1n) };
    const watch = new BoundedAbort(this.#abort.signal);
    const { signal } = watch;
    // A host that loses its network does not close the connection. The next read uses another endpoint.
    const probe = setInterval(() => {
      const body = { ...this.#range(), count_only: true };
      this.#client.call('/v3/kv/range', body, signal).catch(() => watch.abort());
    }, PROBE_MS);
    const watching = this.#client.stream('/v3/watch', { create_request }, signal, (line) => {
      const result = Object(Object(line).result);
      // The etcd has canceled the watch, for example because the revision is too old: read all values again.
      if (result.canceled === true || (result.created === undefined && result.events === undefined))
        watch.abort();
      const events = listOf(result.events);
      for (const event of events) {
        if (Object(event).type === 'DELETE')
          this.#values.delete(fromBase64(Object(Object(event).kv).key));
        else this.#set(Object(event).kv);
      }
      if (events.length > 0) this.#events.onChange(this.#values);
    });
    try {
      await watching;
    } finally {
      clearInterval(probe);
      watch.release();
    }
  }

  #set(entry: unknown): void {
    const { key, value } = Object(entry);
    const name = fromBase64(key);
    // The key that was put last must be the last one of the map.
    this.#values.delete(name);
    this.#values.set(name, fromBase64(value));
  }

  #range(): { readonly key: string; readonly range_end: string } {
    const key = `${this.#prefix}/`;
    // The end of the range is the first key without the prefix: `0` follows `/` in ASCII.
    return { key: toBase64(key), range_end: toBase64(`${this.#prefix}0`) };
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
