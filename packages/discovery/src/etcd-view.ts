import { setTimeout as sleep } from 'node:timers/promises';
import { backoffDelayMs, type Logger, toError } from '@gatewayworker/core';
import { BoundedAbort } from './bounded-abort.ts';
import { type EtcdClient, fromBase64, toBase64 } from './etcd-client.ts';

/** How often the etcd is asked for a sign of life: a watch alone is silent while nothing changes. */
const PROBE_MS = 5000;

const BACKOFF = { initialMs: 100, maxMs: 1000, random: Math.random };

/** What happens to a view. */
export interface EtcdViewEvents {
  /** The values under the prefix, by key, after each change. */
  onChange(values: ReadonlyMap<string, string>): void;
  /** The etcd tells no more for now. */
  onLost(): void;
}

/** Everything under a prefix of an etcd, followed by a watch. */
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

  /** Why the etcd could not be asked last. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Follows no more. */
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
        if (failures === 0) this.#logger.warn({ reason: toError(error).message }, 'etcd away');
        failures += 1;
      }
      if (signal.aborted) return;
      this.#events.onLost();
      const pauseMs = backoffDelayMs(Math.max(0, failures - 1), BACKOFF);
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Reads all values; answers the revision that they are of. */
  async #read(): Promise<bigint> {
    const body = { ...this.#range(), sort_target: 'CREATE', sort_order: 'ASCEND' };
    const answer = Object(await this.#client.call('/v3/kv/range', body, this.#abort.signal));
    this.#values.clear();
    for (const entry of listOf(answer.kvs)) this.#set(entry);
    return BigInt(Object(answer.header).revision ?? 0);
  }

  /** Follows changes until the etcd falls silent, ends the watch or cannot be reached. */
  async #watch(revision: bigint): Promise<void> {
    const create_request = { ...this.#range(), start_revision: String(revision + 1n) };
    const watch = new BoundedAbort(this.#abort.signal);
    const { signal } = watch;
    // A host that is off the network ends no connection; the next read goes to another endpoint.
    const probe = setInterval(() => {
      const body = { ...this.#range(), count_only: true };
      this.#client.call('/v3/kv/range', body, signal).catch(() => watch.abort());
    }, PROBE_MS);
    const watching = this.#client.stream('/v3/watch', { create_request }, signal, (line) => {
      const result = Object(Object(line).result);
      // Too far behind, or the etcd has a reason of its own: everything is read anew.
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
    // Those that were put last come last.
    this.#values.delete(name);
    this.#values.set(name, fromBase64(value));
  }

  #range(): { readonly key: string; readonly range_end: string } {
    const key = `${this.#prefix}/`;
    // The first key that does not begin so: the slash is followed by the digit zero.
    return { key: toBase64(key), range_end: toBase64(`${this.#prefix}0`) };
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
