import { monitorEventLoopDelay } from 'node:perf_hooks';
import { RateMeter } from './rate-meter.ts';

/** Figures of a process as such. */
export interface ProcessSample {
  /** Resident memory in bytes. */
  readonly memory: number;
  /** See `ChildReport.qps`. */
  readonly qps: number;
  /** See `ChildReport.eventLoopLagMs`. */
  readonly eventLoopLagMs: number;
}

const RESOLUTION_MS = 20;
const TICKS_PER_WINDOW = 5;

/** Watches the process it runs in, from its construction on, without keeping it alive. */
export class ProcessSampler {
  // The type has another name in newer Node.js types.
  readonly #delay: ReturnType<typeof monitorEventLoopDelay> = monitorEventLoopDelay({
    resolution: RESOLUTION_MS,
  });
  readonly #rate = new RateMeter(performance.now());
  readonly #readTotal: () => number;
  readonly #timer: NodeJS.Timeout;
  #ticks = 0;
  #lagOfLastWindow = 0;

  /** @param readTotal - answers how many messages and queries there have been so far */
  constructor(readTotal: () => number) {
    this.#readTotal = readTotal;
    this.#delay.enable();
    this.#timer = setInterval(() => this.#tick(), 1_000).unref();
  }

  /** Answers the figures of now. */
  sample(): ProcessSample {
    return {
      memory: residentMemory(),
      qps: this.#rate.perSecond,
      // The window that is still open alone may hold too few samples to say anything.
      eventLoopLagMs: Math.max(this.#lagOfLastWindow, this.#lag()),
    };
  }

  /** Ends the watch. */
  stop(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #tick(): void {
    this.#rate.update(this.#readTotal(), performance.now());
    this.#ticks += 1;
    if (this.#ticks % TICKS_PER_WINDOW !== 0) return;
    this.#lagOfLastWindow = this.#lag();
    this.#delay.reset();
  }

  /** The histogram counts the whole time between two of its timers, of which the resolution is no delay. */
  #lag(): number {
    return Math.max(0, this.#delay.percentile(99) / 1e6 - RESOLUTION_MS);
  }
}

/** Node.js opens a file to read it: a process without a descriptor for that tells its peak, which needs none. */
function residentMemory(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return process.resourceUsage().maxRSS * 1_024;
  }
}
