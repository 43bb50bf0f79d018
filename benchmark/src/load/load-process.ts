import { cpuSeconds } from '../measure/cpu-time.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { LoadConnection } from './load-connection.ts';
import type { LoadCommand, LoadEvent, LoadPlan, LoadReport, LoadShare } from './load-plan.ts';
import { type Pacer, startPacer } from './pacer.ts';
import { Tally } from './tally.ts';

// One process of the load generator. It exchanges messages with its parent over the `fork` channel.

/** Connections that are being opened at the same time. */
const MAX_PENDING_CONNECTIONS = 200;

/** Messages that each process must receive before the measurement begins. */
const WARM_UP_MESSAGES = 20_000;
const WARM_UP_POLL_MS = 20;
/** The warm-up may take this many times its planned length. */
const MAX_WARM_UP_FACTOR = 5;

/** Messages between two reports to a push process. */
const REPORTED_MESSAGES = 100;

/** The clients of one process. */
class LoadProcess {
  readonly #plan: LoadPlan;
  readonly #share: LoadShare;
  readonly #tally = new Tally();
  readonly #connections: LoadConnection[] = [];
  readonly #numbers: number[];
  readonly #started = new Map<LoadConnection, number>();
  readonly #connectLatencies = new LatencyHistogram();
  readonly #begin: number;
  #pacer: Pacer | undefined;
  #ready = 0;
  #closed = 0;
  #hasFinished = false;

  constructor(share: LoadShare) {
    this.#share = share;
    this.#plan = share.plan;
    this.#numbers = Array.from({ length: share.plan.connections }, (_, number) => number).filter(
      (number) => number % share.processes === share.index,
    );
    this.#begin = this.#tally.now();
    for (let count = 0; count < MAX_PENDING_CONNECTIONS; count += 1) this.#openNext();
  }

  /** Starts the load, which ends by itself. */
  async run(): Promise<void> {
    const { plan } = this.#share;
    if (plan.mode === 'receive') {
      this.#tally.reportEvery(REPORTED_MESSAGES, (messages) =>
        send({ type: 'received', messages }),
      );
    }
    if (plan.rate > 0) this.#pacer = await this.#startPacer();
    else for (const connection of this.#connections) connection.start();
    const begin = performance.now();
    setTimeout(() => this.#warmUp(begin), plan.warmSeconds * 1000);
  }

  /** Waits until a slow server has processed enough messages for its code to be compiled. */
  #warmUp(begin: number): void {
    const { mode, members, rate } = this.#plan;
    const isBusy =
      rate === 0 && (mode !== 'group' || this.#numbers.some((number) => number < members));
    const isWarm = !isBusy || this.#tally.messages >= WARM_UP_MESSAGES;
    if (isWarm || performance.now() - begin > this.#plan.warmSeconds * 1000 * MAX_WARM_UP_FACTOR)
      this.#measure();
    else setTimeout(() => this.#warmUp(begin), WARM_UP_POLL_MS);
  }

  #openNext(): void {
    const number = this.#numbers[this.#connections.length];
    if (number === undefined) return;
    const connection = new LoadConnection(number, this.#plan, this.#tally, {
      onReady: (ready) => this.#handleReady(ready),
      onClosed: (closed, reason) => this.#handleClosed(closed, reason),
    });
    this.#started.set(connection, this.#tally.now());
    this.#connections.push(connection);
  }

  #handleReady(connection: LoadConnection): void {
    const now = this.#tally.now();
    this.#connectLatencies.add(now - (this.#started.get(connection) ?? now));
    this.#started.delete(connection);
    this.#ready += 1;
    if (this.#ready < this.#numbers.length) this.#openNext();
    else {
      const seconds = (now - this.#begin) / 1e6;
      send({
        type: 'connected',
        report: { seconds, latencies: this.#connectLatencies.toCounts() },
      });
    }
  }

  #handleClosed(connection: LoadConnection, reason: string): void {
    if (this.#hasFinished) return;
    this.#closed += 1;
    if (this.#started.has(connection)) {
      send({ type: 'failed', reason: `client ${connection.number} cannot connect: ${reason}` });
    }
  }

  /** Starts the senders of this process at their part of the rate. */
  async #startPacer(): Promise<Pacer> {
    const { mode, senders, connections, rate } = this.#plan;
    const all = mode === 'group' ? senders : connections;
    const targets = this.#connections
      .filter(({ number }) => number < all)
      .map(({ target }) => target);
    return await startPacer(targets, (rate * targets.length) / all);
  }

  #measure(): void {
    const { plan } = this.#share;
    // Only one process of the generator measures the servers, so that they count once.
    const pids = this.#share.index === 0 ? plan.pids : [];
    const messages = this.#tally.messages;
    const cpu = cpuSeconds(pids);
    const own = process.cpuUsage();
    const begin = this.#tally.now();
    this.#tally.isMeasuring = true;
    setTimeout(() => {
      this.#tally.isMeasuring = false;
      const spent = process.cpuUsage(own);
      this.#finish({
        messages: this.#tally.messages - messages,
        seconds: (this.#tally.now() - begin) / 1e6,
        serverCpuSeconds: cpuSeconds(pids) - cpu,
        ownCpuSeconds: (spent.user + spent.system) / 1e6,
        latencies: this.#tally.latencies.toCounts(),
        arrivals: this.#tally.arrivals,
        closed: this.#closed,
      });
    }, plan.seconds * 1000);
  }

  #finish(report: LoadReport): void {
    this.#hasFinished = true;
    this.#pacer?.stop();
    send({ type: 'finished', report });
  }
}

let load: LoadProcess | undefined;

process.on('message', (command: LoadCommand) => {
  if (command.type === 'connect') load = new LoadProcess(command.share);
  else {
    load?.run().catch((error: Error) => send({ type: 'failed', reason: error.message }));
  }
});
// Without its parent the load is useless.
process.on('disconnect', () => process.exit());

function send(event: LoadEvent): void {
  process.send?.(event);
}
