import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FrameBurst } from './client-frames.ts';

/** A sender at a fixed rate. */
export interface PacedTarget {
  readonly descriptor: number;
  readonly burst: FrameBurst;
}

/** Data of the thread: frames of one message each, and the position of the send time in them. */
export interface PacerPlan {
  readonly descriptors: readonly number[];
  readonly frames: readonly Uint8Array[];
  readonly timePosition: number;
  /** Messages per second over all targets. */
  readonly rate: number;
}

/** A thread that sends at a fixed rate. */
export interface Pacer {
  stop(): void;
}

/**
 * Sends messages to the targets in turn, at a fixed rate, independent of the answers. Resolves once it sends.
 *
 * A thread is needed because the timers of Node.js are exact to only one millisecond: ten messages sent at once would
 * queue in the server. The thread writes to the sockets of this process by their descriptors.
 */
export async function startPacer(targets: readonly PacedTarget[], rate: number): Promise<Pacer> {
  const first = targets[0];
  if (first === undefined) return { stop: () => undefined };
  const plan: PacerPlan = {
    descriptors: targets.map(({ descriptor }) => descriptor),
    frames: targets.map(({ burst }) => Uint8Array.from(burst.bytes.subarray(0, burst.frameLength))),
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
