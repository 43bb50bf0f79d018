import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Figures } from '@gatewayworker/core';
import { RateMeter } from './rate-meter.ts';

const RESOLUTION_MS = 20;
const TICKS_PER_WINDOW = 5;

/** Samples the current process from construction on, without keeping it alive. */
export class ProcessSampler {
  // The type has another name in newer Node.js types.
  readonly #delay: ReturnType<typeof monitorEventLoopDelay> = monitorEventLoopDelay({
    resolution: RESOLUTION_MS,
  });
  readonly #rate = new RateMeter(performance.now());
  readonly #readLoad: () => number;
  readonly #timer: NodeJS.Timeout;
  #ticks = 0;
  #lastWindowLag = 0;

  /** @param readLoad - returns the number of messages and queries so far */
  constructor(readLoad: () => number) {
    this.#readLoad = readLoad;
    this.#delay.enable();
    this.#timer = setInterval(() => this.#tick(), 1_000).unref();
  }

  /** Returns the current figures. */
  sample(): Omit<Figures<'process'>, 'droppedLines'> {
    return {
      memory: residentMemory(),
      qps: this.#rate.perSecond,
      // The current window alone may have too few samples.
      eventLoopLagMs: Math.max(this.#lastWindowLag, this.#lag()),
    };
  }

  /** Stops sampling. */
  stop(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #tick(): void {
    this.#rate.update(this.#readLoad(), performance.now());
    this.#ticks += 1;
    if (this.#ticks % TICKS_PER_WINDOW !== 0) return;
    this.#lastWindowLag = this.#lag();
    this.#delay.reset();
  }

  /** 99th percentile of the delay in ms. The histogram measures the time between timers, which includes the resolution. */
  #lag(): number {
    return Math.max(0, this.#delay.percentile(99) / 1e6 - RESOLUTION_MS);
  }
}

/** Resident memory in bytes. Reading it needs a file descriptor; without one, the peak is returned, which needs none. */
function residentMemory(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return process.resourceUsage().maxRSS * 1_024;
  }
}
