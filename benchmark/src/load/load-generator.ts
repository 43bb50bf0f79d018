import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { forkModule } from '../processes/fork-module.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type {
  ConnectReport,
  LoadCommand,
  LoadEvent,
  LoadPlan,
  LoadReport,
  LoadShare,
} from './load-plan.ts';

/** Time for all clients to connect, and margin for a run, in milliseconds. */
const TIMEOUT_MARGIN_MS = 120_000;

/** Results of all processes of the generator. */
export interface LoadResult {
  /** Messages received per second. */
  readonly messagesPerSecond: number;
  readonly latencies: LatencyHistogram;
  /** CPU time of the servers per message received, in microseconds; 0 without messages. */
  readonly cpuMicrosPerMessage: number;
  /** Processor use of the busiest process of the generator, 0 to 1; near 1 the generator is the bottleneck. */
  readonly generatorLoad: number;
  /** Time between first and last arrival of each message to many clients, in milliseconds. */
  readonly spreads: readonly number[];
  /** Connections that the server has closed. */
  readonly closed: number;
}

/** Result of connecting all clients. */
export interface ConnectResult {
  readonly connectionsPerSecond: number;
  readonly latencies: LatencyHistogram;
}

/** Simulates many clients in several processes. */
export class LoadGenerator {
  readonly #plan: LoadPlan;
  readonly #children: readonly { readonly child: LoadChild; readonly share: LoadShare }[];

  /** @param processes - number of processes that share the clients */
  constructor(plan: LoadPlan, processes: number) {
    this.#plan = plan;
    this.#children = Array.from({ length: processes }, (_, index) => ({
      child: new LoadChild(),
      share: { plan, index, processes },
    }));
  }

  /**
   * Connects all clients.
   *
   * @throws when one cannot connect
   */
  async connect(): Promise<ConnectResult> {
    const reports = this.#children.map(({ child, share }) => child.connect(share));
    return sumConnects(this.#plan.connections, await Promise.all(reports));
  }

  /**
   * Runs the warm-up and the load.
   *
   * @param onReceived - called with the number of messages that have arrived, in `receive` mode
   */
  async run(onReceived?: (messages: number) => void): Promise<LoadResult> {
    const received = this.#children.map(() => 0);
    const reports = this.#children.map(({ child, share }, index) => {
      child.onReceived = (messages) => {
        received[index] = messages;
        onReceived?.(sum(received));
      };
      return child.run(share);
    });
    return sumReports(await Promise.all(reports));
  }

  /** Drops all connections, and ends the processes. */
  async stop(): Promise<void> {
    await Promise.all(this.#children.map(({ child }) => child.stop()));
  }
}

/** One process of the generator, seen by its parent. */
class LoadChild {
  onReceived: (messages: number) => void = () => undefined;
  readonly #process: ChildProcess;

  constructor() {
    this.#process = forkModule(new URL('./load-process.js', import.meta.url));
    this.#process.on('message', (event: LoadEvent) => {
      if (event.type === 'received') this.onReceived(event.messages);
    });
  }

  async connect(share: LoadShare): Promise<ConnectReport> {
    this.#send({ type: 'connect', share });
    const event = await this.#next(TIMEOUT_MARGIN_MS);
    if (event.type === 'connected') return event.report;
    throw new Error(event.type === 'failed' ? event.reason : `unexpected ${event.type}`);
  }

  async run(share: LoadShare): Promise<LoadReport> {
    this.#send({ type: 'run' });
    const { warmSeconds, seconds } = share.plan;
    const event = await this.#next((warmSeconds + seconds) * 1000 + TIMEOUT_MARGIN_MS);
    if (event.type === 'finished') return event.report;
    throw new Error(event.type === 'failed' ? event.reason : `unexpected ${event.type}`);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exit;
  }

  #send(command: LoadCommand): void {
    this.#process.send(command);
  }

  /** Resolves with the next event other than `received`. */
  async #next(timeoutMs: number): Promise<LoadEvent> {
    const child = this.#process;
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`the load generator has not answered for ${timeoutMs / 1000} s`));
      }, timeoutMs);
      const onExit = (code: number | null, signal: string | null) => {
        settle();
        reject(new Error(`a process of the load generator has ended (${code ?? signal})`));
      };
      const onMessage = (event: LoadEvent) => {
        if (event.type === 'received') return;
        settle();
        resolve(event);
      };
      const settle = () => {
        clearTimeout(timer);
        child.off('exit', onExit).off('message', onMessage);
      };
      child.on('exit', onExit).on('message', onMessage);
    });
  }
}

function sumConnects(connections: number, reports: readonly ConnectReport[]): ConnectResult {
  const latencies = new LatencyHistogram();
  for (const report of reports) latencies.merge(report.latencies);
  const seconds = Math.max(...reports.map((report) => report.seconds));
  return { connectionsPerSecond: connections / seconds, latencies };
}

function sumReports(reports: readonly LoadReport[]): LoadResult {
  const latencies = new LatencyHistogram();
  for (const report of reports) latencies.merge(report.latencies);
  const messagesPerSecond = sum(reports.map(({ messages, seconds }) => messages / seconds));
  // Only one process measures the CPU time, over its own window.
  const cpuPerSecond = sum(reports.map((report) => report.serverCpuSeconds / report.seconds));
  return {
    messagesPerSecond,
    latencies,
    cpuMicrosPerMessage: messagesPerSecond === 0 ? 0 : (cpuPerSecond * 1e6) / messagesPerSecond,
    generatorLoad: Math.max(...reports.map((report) => report.ownCpuSeconds / report.seconds)),
    spreads: spreadsOf(reports.flatMap(({ arrivals }) => arrivals)),
    closed: sum(reports.map(({ closed }) => closed)),
  };
}

/** Returns the time between first and last arrival of each message over all processes, in milliseconds. */
function spreadsOf(arrivals: LoadReport['arrivals']): number[] {
  const ends = new Map<number, { first: number; last: number }>();
  for (const [sentAt, first, last] of arrivals) {
    const known = ends.get(sentAt) ?? { first, last };
    ends.set(sentAt, {
      first: Math.min(known.first, first),
      last: Math.max(known.last, last),
    });
  }
  return [...ends.values()].map(({ first, last }) => (last - first) / 1000);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
