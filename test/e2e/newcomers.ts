import { setTimeout as sleep } from 'node:timers/promises';
import { openClient } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';
import type { TalkingCluster } from './talking-cluster.ts';

/** Clients that connect at an interval, each without waiting for the one before, and leave once a worker greets them. */
export class Newcomers {
  /** Why clients failed to connect. */
  readonly failures: string[] = [];
  /** How many were greeted. */
  served = 0;
  readonly #cluster: Pick<TalkingCluster, 'port'>;
  readonly #intervalMs: number;
  readonly #running: Promise<void>;
  #isOver = false;

  /** @param intervalMs - time between two clients. @default 50 */
  constructor(cluster: Pick<TalkingCluster, 'port'>, intervalMs = 50) {
    this.#cluster = cluster;
    this.#intervalMs = intervalMs;
    this.#running = this.#run();
    onTestFinished(() => this.end());
  }

  /** Resolves once every client was served or refused. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const visits: Promise<void>[] = [];
    while (!this.#isOver) {
      visits.push(this.#visit());
      await sleep(this.#intervalMs);
    }
    await Promise.all(visits);
  }

  async #visit(): Promise<void> {
    try {
      const client = await openClient(this.#cluster.port, '/?name=newcomer');
      if ((await client.next()) === 'here') this.served += 1;
      await client.close();
    } catch (error) {
      this.failures.push(String(error));
    }
  }
}
