import { setTimeout as sleep } from 'node:timers/promises';
import { openClient } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';
import type { TalkingCluster } from './talking-cluster.ts';

/** Clients that connect one after another, wait for the greeting of a worker, and leave. */
export class Newcomers {
  /** Why clients failed to connect. */
  readonly failures: string[] = [];
  /** How many were greeted. */
  served = 0;
  readonly #cluster: Pick<TalkingCluster, 'port'>;
  readonly #pauseMs: number;
  readonly #running: Promise<void>;
  #isOver = false;

  /** @param pauseMs - time between two clients. @default 10 */
  constructor(cluster: Pick<TalkingCluster, 'port'>, pauseMs = 10) {
    this.#cluster = cluster;
    this.#pauseMs = pauseMs;
    this.#running = this.#run();
    onTestFinished(() => this.end());
  }

  /** Resolves once the last client was served or refused. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        const client = await openClient(this.#cluster.port, '/?name=newcomer');
        if ((await client.next()) === 'here') this.served += 1;
        await client.close();
      } catch (error) {
        this.failures.push(String(error));
      }
      await sleep(this.#pauseMs);
    }
  }
}
