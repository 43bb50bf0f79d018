import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningContender } from './contenders/contender.ts';
import type { LatencyHistogram } from './load/latency-histogram.ts';
import { LoadGenerator, type LoadResult } from './load/load-generator.ts';
import type { Framing, LoadPlan } from './load/load-plan.ts';
import { cpuSeconds } from './measure/cpu-time.ts';
import { privateBytes } from './measure/private-memory.ts';
import { type Measurement, median } from './measurement.ts';
import { startPusher } from './push/pusher.ts';
import { defaultLoad, PUSH_WINDOW, type Scenario } from './scenarios.ts';

/** Durations and sizes of a measurement. */
export interface MeasureOptions {
  readonly seconds: number;
  readonly warmSeconds: number;
  /** Idle time before memory is measured, in seconds. */
  readonly idleSeconds: number;
  /** Processes of the load generator. */
  readonly generators: number;
  /** Upper limit for the clients of a scenario. */
  readonly clients: number;
}

/** Runs a scenario on a running server, and resolves with the measurement. */
export async function measureContender(
  scenario: Scenario,
  server: RunningContender & { readonly framing: Framing },
  options: MeasureOptions,
): Promise<Measurement> {
  const plan = planOf(scenario.load, server, options);
  const generator = new LoadGenerator(plan, options.generators);
  const backgroundPlan = scenario.background && planOf(scenario.background, server, options);
  const background = backgroundPlan && new LoadGenerator(backgroundPlan, 1);
  try {
    await background?.connect();
    const [measurement, backgroundResult] = await Promise.all([
      measurers[scenario.kind](generator, server, plan, options),
      background?.run(),
    ]);
    // Throws if the background load failed, because the measurement is not valid without it.
    if (backgroundResult !== undefined) describeLoad(backgroundResult);
    return measurement;
  } finally {
    await Promise.all([generator.stop(), background?.stop()]);
  }
}

function planOf(
  given: Scenario['load'],
  server: RunningContender & { readonly framing: Framing },
  { clients, seconds, warmSeconds }: MeasureOptions,
): LoadPlan {
  const load = { ...defaultLoad, ...given };
  return {
    ...load,
    connections: Math.min(load.connections, clients),
    senders: Math.min(load.senders, clients),
    framing: server.framing,
    ports: server.ports,
    pids: server.pids,
    seconds,
    warmSeconds,
  };
}

type Measurer = (
  generator: LoadGenerator,
  server: RunningContender,
  plan: LoadPlan,
  options: MeasureOptions,
) => Promise<Measurement>;

const measurers: Readonly<Record<Scenario['kind'], Measurer>> = {
  async load(generator) {
    await generator.connect();
    return describeLoad(await generator.run());
  },

  async connect(generator, { pids }, { connections }) {
    const before = cpuSeconds(pids);
    const { connectionsPerSecond, latencies } = await generator.connect();
    const cpuMicrosPerConnection = ((cpuSeconds(pids) - before) * 1e6) / connections;
    return { connectionsPerSecond, ...describeLatencies(latencies), cpuMicrosPerConnection };
  },

  async idle(generator, { pids }, { connections }, { idleSeconds }) {
    const before = privateBytes(pids);
    await generator.connect();
    // V8 releases the memory used for connecting only when the process has been idle for about 20 seconds.
    await sleep(idleSeconds * 1000);
    return { bytesPerConnection: (privateBytes(pids) - before) / connections };
  },

  async push(generator, { push }, { connections, size }) {
    if (push === undefined) throw new Error('this contender has no way to push from outside');
    await generator.connect();
    const pusher = await startPusher(push, { uids: connections, size, window: PUSH_WINDOW });
    try {
      return describeLoad(await generator.run((messages) => pusher.reportReceived(messages)));
    } finally {
      await pusher.stop();
    }
  },
};

/** @throws when connections were lost or no message arrived, because the figures are not valid then */
function describeLoad(result: LoadResult): Measurement {
  if (result.closed > 0) throw new Error(`the server has closed ${result.closed} connections`);
  if (result.messagesPerSecond === 0) throw new Error('no message has arrived');
  return {
    messagesPerSecond: result.messagesPerSecond,
    cpuMicrosPerMessage: result.cpuMicrosPerMessage,
    ...describeLatencies(result.latencies),
    ...(result.spreads.length === 0 ? {} : { spreadMs: median(result.spreads) }),
    generatorLoad: result.generatorLoad,
  };
}

function describeLatencies(latencies: LatencyHistogram): Measurement {
  return {
    p50Ms: latencies.percentile(0.5),
    p99Ms: latencies.percentile(0.99),
    maxMs: latencies.percentile(1),
  };
}
