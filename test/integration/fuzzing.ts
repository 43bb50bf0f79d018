import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { GatewayClient } from '@gatewayworker/client';
import { eventually, type LogLine, type Roles } from '@gatewayworker/testing';
import fc from 'fast-check';
import { expect, onTestFinished } from 'vitest';
import { roles } from './roles.ts';

/** Inputs that are thrown at once in each run, each over a connection of its own, unless it takes long to be well. */
const INPUTS_PER_RUN = 10;

/** Chosen once, so that a failure is the same at the next try. `FUZZ_RUNS` goes further from there. */
const SEED = 20_261_121;

/** Runs of each test: quick by default, as many as wanted by `FUZZ_RUNS`. */
export const FUZZ_RUNS: number = Number(process.env['FUZZ_RUNS'] ?? 10);

/**
 * Throws batches of inputs, and checks after each that all is well.
 *
 * What fails is not made smaller: a role that is broken once stays so.
 */
export async function fuzz<T>(
  input: fc.Arbitrary<T>,
  throwOne: (input: T) => Promise<void>,
  expectWell: () => Promise<void>,
  inputsPerRun: number = INPUTS_PER_RUN,
): Promise<void> {
  const batch = fc.array(input, { minLength: inputsPerRun, maxLength: inputsPerRun });
  const run = async (inputs: T[]): Promise<void> => {
    await Promise.all(inputs.map(throwOne));
    await expectWell();
  };
  const numRuns = Math.ceil((FUZZ_RUNS * INPUTS_PER_RUN) / inputsPerRun);
  const parameters = { seed: SEED, numRuns, endOnFailure: true };
  await fc.assert(fc.asyncProperty(batch, run), parameters);
}

/** How a client of a protocol says something that it gets back. */
export interface Speech {
  /** What it sends before anything else. */
  readonly opening?: string | Buffer;
  /** Opens the connection. @default TCP */
  readonly open?: (port: number) => Promise<Socket>;
  readonly say: (text: string) => Buffer;
}

/** A client that harms nobody and is to be served whatever others do. */
class Bystander {
  readonly #socket: Socket;
  readonly #speech: Speech;
  #received = Buffer.alloc(0);
  #said = 0;

  constructor(socket: Socket, speech: Speech) {
    this.#socket = socket;
    this.#speech = speech;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    socket.on('error', () => undefined);
    if (speech.opening !== undefined) socket.write(speech.opening);
  }

  /** Says something and waits until it comes back. */
  async expectEcho(): Promise<void> {
    this.#said += 1;
    const text = `echo ${this.#said} of a bystander\n`;
    this.#socket.write(this.#speech.say(text));
    await eventually(() => this.#received.includes(text.trim()), { intervalMs: 1 });
    this.#received = Buffer.alloc(0);
  }

  /** Waits for the answer to what it said first. */
  async opened(): Promise<this> {
    const isWebsocket = this.#speech.opening?.includes('Upgrade') === true;
    if (isWebsocket) {
      await eventually(() => this.#received.includes('\r\n\r\n'), { intervalMs: 1 });
    }
    return this;
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function openBystander(port: number, speech: Speech): Promise<Bystander> {
  const socket = await (speech.open ?? openTcp)(port);
  onTestFinished(() => void socket.destroy());
  return await new Bystander(socket, speech).opened();
}

/** Connects to a loopback port. */
export async function openTcp(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** What nobody has caught, from now to the end of the test. */
function watchUncaught(): readonly unknown[] {
  const uncaught: unknown[] = [];
  const keep = (error: unknown): void => void uncaught.push(error);
  process.on('unhandledRejection', keep);
  process.on('uncaughtException', keep);
  onTestFinished(() => {
    process.off('unhandledRejection', keep);
    process.off('uncaughtException', keep);
  });
  return uncaught;
}

/** Errors of the language or of Node.js: our own name what the peer did wrong. */
const nativeError =
  /TypeError|RangeError|ReferenceError|Cannot (?:read|set)|is not (?:a function|iterable|defined)|ERR_(?!FRAME|SESSION)|outside buffer|valid error code/;

/** Lines of the log that speak of a fault of ours, not of the peer. */
export function faultsIn(log: readonly LogLine[]): readonly LogLine[] {
  return log.filter(
    (line) => Number(line['level']) >= 40 && nativeError.test(JSON.stringify(line)),
  );
}

/** Roles that are fuzzed, and how it is known that they are well. */
export interface FuzzedRoles {
  readonly cluster: Roles;
  readonly api: GatewayClient;
  /** Checks that clients are served, nothing was thrown and every table is as it was at first. */
  readonly expectWell: () => Promise<void>;
}

/** Starts roles whose every client gets back what it says, with a bystander at each gateway. */
export async function fuzzedRoles(
  options: Omit<Parameters<typeof roles>[0], 'events'> & Partial<Parameters<typeof roles>[0]>,
  speech: Speech,
): Promise<FuzzedRoles> {
  const uncaught = watchUncaught();
  const events = {
    onMessage: (_id: string, text: string | Buffer, ctx: Echoing) => void ctx.send(text),
  };
  const cluster = await roles({ events, ...options });
  const api = await cluster.gatewayClient();
  const ports = cluster.gateways.map((gateway) => gateway.port);
  const bystander = await openBystander(ports.at(-1) ?? 0, speech);
  await bystander.expectEcho();
  const tables = async (): Promise<unknown> => [
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
  const before = await tables();
  return {
    cluster,
    api,
    expectWell: async () => {
      await eventually(async () => expect(await tables()).toEqual(before), { intervalMs: 2 });
      await bystander.expectEcho();
      for (const port of ports) {
        const fresh = await openBystander(port, speech);
        await fresh.expectEcho();
        fresh.close();
      }
      expect(faultsIn(cluster.log)).toEqual([]);
      expect(uncaught).toEqual([]);
    },
  };
}

interface Echoing {
  send(data: string | Buffer): boolean;
}
