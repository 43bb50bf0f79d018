import { openClient } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';
import type { TalkingCluster } from './talking-cluster.ts';

/** Clients that come one after another, all the while. */
export class Newcomers {
  /** Why clients failed to connect. */
  readonly failures: string[] = [];
  /** How many were greeted. */
  served = 0;
  readonly #cluster: Pick<TalkingCluster, 'port'>;
  readonly #coming: Promise<void>;
  #isOver = false;

  constructor(cluster: Pick<TalkingCluster, 'port'>) {
    this.#cluster = cluster;
    this.#coming = this.#come();
    onTestFinished(() => this.end());
  }

  /** Resolves once the last one has been served or turned away. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#coming;
  }

  async #come(): Promise<void> {
    while (!this.#isOver) {
      try {
        const client = await openClient(this.#cluster.port, '/?name=newcomer');
        if ((await client.next()) === 'here') this.served += 1;
        await client.close();
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}
