import {
  BusinessWorkerRuntime,
  resolveBusinessWorkerOptions,
} from '@gatewayworker/business-worker';
import type { RoleRuntime, SecretKey, StopOptions } from '@gatewayworker/core';
import { type GatewayRuntime, loadGateway, resolveGatewayOptions } from '@gatewayworker/gateway';
import { GatewayClient } from '@gatewayworker/gateway-client';
import { RegisterRuntime, resolveRegisterOptions } from '@gatewayworker/register';
import { captureLogger, eventually, openClient, type TestClient } from '@gatewayworker/testing';
import type { EventHandler } from 'gatewayworker';
import { expect, onTestFinished, test } from 'vitest';

const graceful: StopOptions = { isGraceful: true, timeoutMs: 10_000, drainMs: 0 };

/** Two processes of each role. Each can be replaced by one with another key, as in a rolling restart. */
class Fleet {
  readonly log = captureLogger();
  readonly registers: RegisterRuntime[] = [];
  readonly gateways: GatewayRuntime[] = [];
  readonly workers: BusinessWorkerRuntime[] = [];
  readonly #events: EventHandler;
  #id = 0;

  constructor(events: EventHandler) {
    this.#events = events;
  }

  get registerAddress(): string[] {
    return this.registers.map(({ port }) => `127.0.0.1:${port}`);
  }

  async start(secretKey: SecretKey): Promise<void> {
    for (const index of [0, 1]) this.registers[index] = await this.#startRegister(secretKey, 0);
    for (const index of [0, 1]) this.gateways[index] = await this.#startGateway(secretKey);
    for (const index of [0, 1]) this.workers[index] = await this.#startWorker(secretKey);
    await this.#linked();
  }

  /** Replaces every process by one with this key, one after the other. */
  async roll(secretKey: SecretKey): Promise<void> {
    for (const [index, before] of this.registers.entries()) {
      const { port } = before;
      await before.stop();
      this.registers[index] = await this.#startRegister(secretKey, port);
      // A rolling restart waits for one process before it replaces the next.
      await eventually(() =>
        this.gateways.every((gateway) => gateway.status().warnings.length === 0),
      );
      await this.#linked();
    }
    for (const [index, before] of this.workers.entries()) {
      this.workers[index] = await this.#startWorker(secretKey);
      await this.#linked(3);
      await before.stop(graceful);
      await this.#linked();
    }
    for (const [index, before] of this.gateways.entries()) {
      const next = await this.#startGateway(secretKey);
      await eventually(() => next.workerCount === 2);
      this.gateways[index] = next;
      await before.stop(graceful);
    }
    await this.#linked();
  }

  async #linked(workers = 2): Promise<void> {
    await eventually(() => this.gateways.every(({ workerCount }) => workerCount === workers));
  }

  get #context() {
    this.#id += 1;
    return { id: this.#id, logger: this.log.logger };
  }

  async #startRegister(secretKey: SecretKey, port: number): Promise<RegisterRuntime> {
    const options = resolveRegisterOptions({ listen: `127.0.0.1:${port}`, secretKey });
    return await begin(new RegisterRuntime(options, this.#context));
  }

  async #startGateway(secretKey: SecretKey): Promise<GatewayRuntime> {
    const { registerAddress } = this;
    const given = { listen: 'websocket://127.0.0.1:0', startPort: 0, registerAddress, secretKey };
    return await begin(await loadGateway(resolveGatewayOptions(given), this.#context));
  }

  async #startWorker(secretKey: SecretKey): Promise<BusinessWorkerRuntime> {
    const { registerAddress } = this;
    const given = { eventHandler: '/given/by/the/test', registerAddress, secretKey };
    const loadEvents = async (): Promise<EventHandler> => this.#events;
    const options = resolveBusinessWorkerOptions(given);
    return await begin(new BusinessWorkerRuntime(options, { ...this.#context, loadEvents }));
  }
}

async function begin<T extends RoleRuntime>(runtime: T): Promise<T> {
  onTestFinished(() => runtime.stop());
  await runtime.start();
  return runtime;
}

/** Messages of a talker in flight. */
const WINDOW = 4;

/** A client that sends numbered messages, and connects to another gateway when its own stops. */
class Talker {
  /** Numbers of the answers, in the order of their arrival. */
  readonly answers: number[] = [];
  readonly #name: string;
  readonly #port: () => number;
  #isOver = false;

  constructor(name: string, port: () => number) {
    this.#name = name;
    this.#port = port;
  }

  async run(): Promise<void> {
    while (!this.#isOver) {
      const client = await openClient(this.#port());
      await this.#talk(client);
      client.terminate();
    }
  }

  end(): void {
    this.#isOver = true;
  }

  async #talk(client: TestClient): Promise<void> {
    let said = this.answers.length;
    while (client.isOpen && !(this.#isOver && said === this.answers.length)) {
      for (; !this.#isOver && said < this.answers.length + WINDOW; said += 1) {
        client.send(`${this.#name} ${said}`);
      }
      await eventually(() => client.messages.length > 0 || !client.isOpen, { intervalMs: 2 });
      const answers = client.messages.splice(0).map((text) => Number(String(text).split(' ')[1]));
      this.answers.push(...answers);
    }
  }
}

test('key change: process by process under traffic, no loss, the old key is refused', {
  timeout: 120_000,
}, async () => {
  const handled: string[] = [];
  const fleet = new Fleet({
    onMessage: (_id, message, ctx) => {
      handled.push(String(message));
      ctx.send(message);
    },
  });
  await fleet.start('the old key');
  const talkers = Array.from({ length: 6 }, (_, index) => {
    return new Talker(`t${index}`, () => fleet.gateways[index % 2]?.port ?? 0);
  });
  const talking = Promise.all(talkers.map((talker) => talker.run()));
  const progress = async (): Promise<void> => {
    const before = talkers.map(({ answers }) => answers.length);
    await eventually(() =>
      talkers.every(({ answers }, i) => answers.length > (before[i] ?? 0) + 10),
    );
  };
  await progress();
  await fleet.roll(['the old key', 'the new key']);
  await progress();
  await fleet.roll(['the new key']);
  await progress();
  for (const talker of talkers) talker.end();
  await talking;

  // Each number was handled once and came back once, in order.
  for (const [index, { answers }] of talkers.entries()) {
    expect(answers).toEqual(answers.map((_, number) => number));
    const own = handled.filter((message) => message.startsWith(`t${index} `));
    expect(own).toEqual(answers.map((number) => `t${index} ${number}`));
  }
  const messages = fleet.log.lines.map(({ msg }) => msg);
  expect(messages).not.toContain('inner link refused');

  const { registerAddress } = fleet;
  const { logger } = captureLogger();
  const options = { registerAddress, connectTimeoutMs: 600 };
  const old = GatewayClient.connect({ ...options, secretKey: 'the old key' }, logger);
  await expect(old).rejects.toMatchObject({ code: 'GW_ERR_AUTHENTICATION_FAILED' });
  await eventually(() => fleet.log.lines.some(({ msg }) => msg === 'inner link refused'));
  const api = await GatewayClient.connect({ ...options, secretKey: 'the new key' }, logger);
  onTestFinished(() => api.close());
  expect(await api.getAllClientIdCount()).toBe(0);
});
