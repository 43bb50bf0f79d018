import { openClient } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';
import type { TalkingCluster } from './talking-cluster.ts';

/** What happens to a connection while its port changes hands; whoever tries again gets in. */
const passing = /ECONNREFUSED|ECONNRESET|socket hang up/;

/** Clients that come one after another, all the while. */
export class Newcomers {
  /** Why some were turned away, but for what passes. */
  readonly failures: string[] = [];
  /** How many were greeted. */
  served = 0;
  readonly #cluster: TalkingCluster;
  readonly #coming: Promise<void>;
  #isOver = false;

  constructor(cluster: TalkingCluster) {
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
        if (!passing.test(String(error))) this.failures.push(String(error));
      }
    }
  }
}
