import type { Devices } from '../accounts/devices.ts';
import { Batcher } from '../batcher.ts';

/** How long the result of a lookup is cached, in milliseconds. */
const cacheMs = 5000;

/** Interval of the lookups for idle connections, in milliseconds. */
const recheckMs = 30_000;

/** Maximum number of devices per query. */
const maxBatch = 1000;

/** Dependencies of a login monitor. */
export interface LoginMonitorOptions {
  readonly devices: Pick<Devices, 'filterLoggedIn'>;
  /** Closes a connection whose device is logged out; returns false if its gateway cannot be reached. */
  readonly onStale: (clientId: string) => boolean;
  /** A lookup of the interval failed; the next one tries again. */
  readonly onError: (error: unknown) => void;
}

/**
 * Checks that the devices of connections are still logged in.
 *
 * A logout closes the connections of the device, but may not reach their gateway. So each device is looked up when it
 * sends a message, at most once in 5 s and batched, and every 30 s when it is idle.
 */
export class LoginMonitor {
  readonly #options: LoginMonitorOptions;
  /** Device of each connection of this process. */
  readonly #connections = new Map<string, string>();
  /** When each device was last found to be logged in, by `performance.now()`. */
  readonly #checkedAt = new Map<string, number>();
  readonly #lookups: Batcher<string, boolean>;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: LoginMonitorOptions) {
    this.#options = options;
    this.#lookups = new Batcher<string, boolean>({
      run: (deviceIds) => this.#query(deviceIds),
      ...{ delayMs: 2, maxBatch, maxWaiting: 100_000 },
    });
    this.#timer = setInterval(() => {
      this.recheck().catch((error: unknown) => options.onError(error));
    }, recheckMs);
    this.#timer.unref();
  }

  /** Stops the lookups. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Removes a connection that has ended. */
  forget(clientId: string): void {
    this.#connections.delete(clientId);
  }

  /**
   * Returns true if the device of a connection is logged in, or was within the last 5 s.
   *
   * @throws the error of the database
   */
  async isLoggedIn(clientId: string, deviceId: string): Promise<boolean> {
    const checkedAt = this.#checkedAt.get(deviceId);
    if (checkedAt !== undefined && performance.now() - checkedAt < cacheMs) {
      this.#connections.set(clientId, deviceId);
      return true;
    }
    return await this.lookUp(clientId, deviceId);
  }

  /**
   * Returns true if the device of a connection is logged in; always asks the database.
   *
   * @throws the error of the database
   */
  async lookUp(clientId: string, deviceId: string): Promise<boolean> {
    this.#connections.set(clientId, deviceId);
    const isLoggedIn = await this.#lookups.add(deviceId);
    if (!isLoggedIn) this.#close(clientId);
    return isLoggedIn;
  }

  /** Closes every connection whose device is logged out. */
  async recheck(): Promise<void> {
    const connections = [...this.#connections];
    // Removes the entries of devices without connections.
    this.#checkedAt.clear();
    for (let start = 0; start < connections.length; start += maxBatch) {
      const some = connections.slice(start, start + maxBatch);
      const loggedIn = await this.#query(some.map(([, deviceId]) => deviceId));
      for (const [index, [clientId]] of some.entries()) {
        if (loggedIn[index] === false) this.#close(clientId);
      }
    }
  }

  #close(clientId: string): void {
    // If its gateway cannot be reached, the next recheck tries again.
    if (this.#options.onStale(clientId)) this.forget(clientId);
  }

  async #query(deviceIds: readonly string[]): Promise<boolean[]> {
    const queriedAt = performance.now();
    const loggedIn = await this.#options.devices.filterLoggedIn(deviceIds);
    for (const id of loggedIn) this.#checkedAt.set(id, queriedAt);
    return deviceIds.map((id) => loggedIn.has(id));
  }
}
