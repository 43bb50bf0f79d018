import type { Devices } from '../accounts/devices.ts';
import { Batcher } from '../batcher.ts';

/** How long a device that was logged in counts as that, in milliseconds. */
const goodForMs = 5000;

/** How often connections that say nothing are looked at, in milliseconds. */
const recheckMs = 30_000;

/** Devices that one query asks for. */
const maxBatch = 1000;

/** What a login watch works with. */
export interface LoginWatchOptions {
  readonly devices: Pick<Devices, 'stillLoggedIn'>;
  /** The device of this connection is no longer logged in; answers false when its gateway cannot be told so now. */
  readonly onStale: (clientId: string) => boolean;
  /** It could not be seen who is logged in; it is tried again. */
  readonly onError: (error: unknown) => void;
}

/**
 * Knows whether the devices behind connections are still logged in.
 *
 * Who logs a device out closes its connections, but may not reach the gateway that they are on. So each device is looked
 * up when it says something, once in 5 s at most and many in one query, and every 30 s when it only listens.
 */
export class LoginWatch {
  readonly #options: LoginWatchOptions;
  /** Device of each connection that this process has heard of. */
  readonly #connections = new Map<string, string>();
  /** When each device was last seen to be logged in, by `performance.now()`. */
  readonly #seenAt = new Map<string, number>();
  readonly #lookups: Batcher<string, boolean>;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: LoginWatchOptions) {
    this.#options = options;
    this.#lookups = new Batcher<string, boolean>({
      run: (deviceIds) => this.#look(deviceIds),
      ...{ delayMs: 2, maxBatch, maxWaiting: 100_000 },
    });
    this.#timer = setInterval(() => {
      this.recheck().catch((error: unknown) => options.onError(error));
    }, recheckMs);
    this.#timer.unref();
  }

  /** Ends the lookups. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** A connection has ended. */
  gone(clientId: string): void {
    this.#connections.delete(clientId);
  }

  /**
   * Whether the device of a connection is logged in, or was so within the last 5 s.
   *
   * @throws what the database throws
   */
  async isGood(clientId: string, deviceId: string): Promise<boolean> {
    const seenAt = this.#seenAt.get(deviceId);
    if (seenAt !== undefined && performance.now() - seenAt < goodForMs) {
      this.#connections.set(clientId, deviceId);
      return true;
    }
    return await this.isGoodNow(clientId, deviceId);
  }

  /**
   * Whether the device of a connection is logged in; it is looked up.
   *
   * @throws what the database throws
   */
  async isGoodNow(clientId: string, deviceId: string): Promise<boolean> {
    this.#connections.set(clientId, deviceId);
    const isGood = await this.#lookups.add(deviceId);
    if (!isGood) this.#end(clientId);
    return isGood;
  }

  /** Ends every connection whose device is no longer logged in. */
  async recheck(): Promise<void> {
    const connections = [...this.#connections];
    // Of devices that have gone, nothing is kept.
    this.#seenAt.clear();
    for (let start = 0; start < connections.length; start += maxBatch) {
      const some = connections.slice(start, start + maxBatch);
      const good = await this.#look(some.map(([, deviceId]) => deviceId));
      for (const [index, [clientId]] of some.entries()) {
        if (good[index] === false) this.#end(clientId);
      }
    }
  }

  #end(clientId: string): void {
    // Who cannot be ended now is tried again with the next recheck.
    if (this.#options.onStale(clientId)) this.gone(clientId);
  }

  async #look(deviceIds: readonly string[]): Promise<boolean[]> {
    const askedAt = performance.now();
    const good = await this.#options.devices.stillLoggedIn(deviceIds);
    for (const id of good) this.#seenAt.set(id, askedAt);
    return deviceIds.map((id) => good.has(id));
  }
}
