import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FrameBurst } from './client-frames.ts';

/** A sender at a fixed rate. */
export interface PacedOutlet {
  readonly descriptor: number;
  readonly burst: FrameBurst;
}

/** What the thread gets: frames of one message each, and where the send time stands in them. */
export interface PacerPlan {
  readonly descriptors: readonly number[];
  readonly frames: readonly Uint8Array[];
  readonly timePosition: number;
  /** Messages per second over all outlets. */
  readonly rate: number;
}

/** A thread that sends at a fixed rate. */
export interface Pacer {
  stop(): void;
}

/**
 * Sends one message after the other, through one outlet after the other, at a fixed rate, whatever comes
 * back.
 *
 * It is a thread of its own because the timers of Node.js are exact to a millisecond: ten messages that
 * leave together would wait for each other in the server. It writes to the sockets of this process by their
 * descriptors. Resolves once it sends.
 */
export async function startPacer(outlets: readonly PacedOutlet[], rate: number): Promise<Pacer> {
  const first = outlets[0];
  if (first === undefined) return { stop: () => undefined };
  const plan: PacerPlan = {
    descriptors: outlets.map(({ descriptor }) => descriptor),
    frames: outlets.map(({ burst }) => Uint8Array.from(burst.bytes.subarray(0, burst.frameLength))),
    timePosition: first.burst.timePosition,
    rate,
  };
  const worker = new Worker(new URL('./pacer-thread.js', import.meta.url), { workerData: plan });
  await once(worker, 'message');
  worker.on('error', (error) => {
    throw error;
  });
  return { stop: () => void worker.terminate() };
}
