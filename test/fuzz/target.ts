import type { EventHandler } from '@gatewayworker/business-worker';
import type { GatewayOptions } from '@gatewayworker/gateway';
import { GatewayClient } from '@gatewayworker/gateway-client';
import { captureLogger, type LogLine, makeCertificate, startRoles } from '@gatewayworker/testing';
import fc from 'fast-check';
import { usedBytes } from '../integration/used-bytes.ts';
import type { Answer, Question, TargetPorts } from './target-process.ts';
import { TurnMeter } from './turn-meter.ts';
import { valueSurfaces } from './values.ts';

// The process under test: all roles over real sockets. It measures itself, because only a process knows
// what it failed to catch and how long its turns were.

const certificate = await makeCertificate();
const common = { maxMessageBytes: 5000 };
const listeners = {
  websocket: { listen: 'websocket://127.0.0.1:0', trustProxy: true },
  deflate: { listen: 'websocket://127.0.0.1:0', perMessageDeflate: true },
  proxy: { listen: 'websocket://127.0.0.1:0', trustProxy: true, proxyProtocol: true },
  tls: { listen: 'websocket://127.0.0.1:0', tls: certificate },
  text: { listen: 'text://127.0.0.1:0' },
  frame: { listen: 'frame://127.0.0.1:0' },
  tcp: { listen: 'tcp://127.0.0.1:0' },
  peer: { listen: 'websocket://127.0.0.1:0' },
} satisfies Record<string, Partial<GatewayOptions>>;
const names = Object.keys(listeners);

/** A worker that reads everything that a gateway sends it. */
const events: EventHandler = {
  onHandshake: () => ({ accept: true }),
  onConnect: (_id, ctx) => void [ctx.request, ctx.session],
  onMessage: (_id, message, ctx) => {
    ctx.send(message);
    ctx.session = { ...ctx.session, said: 1 };
  },
  // A malformed session or request is an error of the callback that reads it.
  onError: () => undefined,
};

const uncaught: string[] = [];
const keep = (error: unknown): void => {
  uncaught.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
};
process.on('uncaughtException', keep);
process.on('unhandledRejection', keep);

const cluster = await startRoles({
  events,
  gateways: names.length,
  gatewayOptions: (id) => ({ ...common, ...Object.values(listeners)[id] }),
});
const api = await cluster.gatewayClient();
const turns = new TurnMeter();

/** Errors of the language or of Node.js: our own errors name what the peer did wrong. */
const nativeError =
  /TypeError|RangeError|ReferenceError|Cannot (?:read|set)|is not (?:a function|iterable|defined)|ERR_(?!FRAME|SESSION)|outside buffer|valid error code/;

/** Lines of the log that show a fault of ours, not of the peer. */
function faultsIn(log: readonly LogLine[]): string[] {
  return log
    .filter((line) => Number(line['level']) >= 40)
    .map((line) => JSON.stringify(line))
    .filter((line) => nativeError.test(line));
}

async function tables(): Promise<unknown> {
  return [
    cluster.gateways.map((gateway) => {
      const { connections, inFlight } = gateway.status();
      return { connections, inFlight, workers: gateway.workerCount };
    }),
    cluster.workers.map((worker) => {
      const { connections, inFlight } = worker.status();
      return { connections, inFlight };
    }),
    cluster.register.status().connections,
    await api.getAllClientIdCount(),
    await api.getAllUidList(),
    await api.getAllGroupIdList(),
  ];
}

async function connectTo(address: string): Promise<string> {
  const { logger, takeLines } = captureLogger();
  const options = { registerAddress: address, connectTimeoutMs: 100 };
  const [outcome] = await Promise.allSettled([GatewayClient.connect(options, logger)]);
  keptFaults.push(...faultsIn(takeLines()));
  if (outcome.status === 'fulfilled') {
    await outcome.value.close();
    return 'connected';
  }
  return String(outcome.reason.code);
}

const keptFaults: string[] = [];

/** Fields in which a caller's own value of any kind is tried. */
async function tryValues(surface: string, seed: number, count: number): Promise<string[]> {
  const found = valueSurfaces.find(({ name }) => name === surface);
  if (found === undefined) return [`there is no surface ${surface}`];
  const wrong: string[] = [];
  for (const value of fc.sample(found.input, { seed, numRuns: count })) {
    const fault = await found.tryOne(api, value);
    if (fault !== undefined) wrong.push(fault);
  }
  return wrong;
}

async function answer(question: Question): Promise<unknown> {
  switch (question.kind) {
    case 'report':
      return {
        uncaught: uncaught.splice(0),
        faults: [...keptFaults.splice(0), ...faultsIn(cluster.takeLog())],
        turnMs: turns.take(),
      };
    case 'turn':
      return turns.take();
    case 'memory':
      return { usedBytes: usedBytes(), residentBytes: process.memoryUsage.rss() };
    case 'tables':
      return await tables();
    case 'clients':
      return await api.getAllClientIdList();
    case 'connect':
      return await connectTo(question.address);
    case 'values':
      return await tryValues(question.surface, question.seed, question.count);
  }
}

function send(message: Answer | { readonly ports: TargetPorts }): void {
  process.send?.(message);
}

process.on('message', (question: Question & { readonly id: number }) => {
  const { id } = question;
  answer(question).then(
    (value) => send({ id, value }),
    (error: unknown) => send({ id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());

const portOf = (name: string): number => cluster.gateways[names.indexOf(name)]?.port ?? 0;
const peer = cluster.gateways[names.indexOf('peer')];
send({
  ports: {
    websocket: portOf('websocket'),
    deflate: portOf('deflate'),
    proxy: portOf('proxy'),
    tls: portOf('tls'),
    text: portOf('text'),
    frame: portOf('frame'),
    tcp: portOf('tcp'),
    peer: portOf('peer'),
    inner: peer?.innerPort ?? 0,
    register: cluster.register.port,
    certificate: certificate.cert,
  },
});
