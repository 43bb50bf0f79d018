import { Socket } from 'node:net';
import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import { Command, FrameDecoder } from '@gatewayworker/protocol';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ClientConnection } from '../clients/client-connection.ts';
import { LimitCounters } from '../clients/limit-counters.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { create } from './event-dispatcher.fixture.ts';
import type { EventDispatcher } from './event-dispatcher.ts';
import { WorkerLink } from './worker-link.ts';

const CLIENTS = 4;
const MAX_EVENTS_PER_WORKER = 6;

/** Clients and workers with an even number use the first route, the others the second. */
const routes = { '/even': 'even', '/odd': 'odd' };
const routeNames = ['even', 'odd'] as const;

/** A worker that records every violation of the rules for a gateway. */
class Worker {
  readonly link: WorkerLink;
  /** Events that it has not acknowledged, by client. */
  readonly unacknowledged = new Map<number, string[]>();
  readonly violations: string[] = [];
  isDrained = false;
  readonly #decoder = new FrameDecoder((command, buffer, start, end) => {
    this.#take(command, buffer.subarray(start, end));
    return undefined;
  });

  constructor(id: number, name: string, redelivers: boolean) {
    const socket = new Socket();
    socket._write = (chunk: Buffer, _encoding, done) => {
      this.#decoder.push(Buffer.from(chunk));
      done();
    };
    this.link = new WorkerLink(new FrameConnection(socket, new FlushScheduler()), {
      type: 'hello',
      version: 1,
      role: 'worker',
      instanceId: `${id}`,
      name,
      id,
      nonce: Buffer.alloc(32),
    });
    this.link.redelivers = redelivers;
  }

  #take(command: number, body: Buffer): void {
    if (command === Command.Ping) {
      // It answers, so that the balancer may move clients to it.
      this.link.connection.reads += 1;
      return;
    }
    if (this.isDrained) this.violations.push(`command ${command} after the drain`);
    if (command === Command.WorkerDrained) {
      this.isDrained = true;
      const left = [...this.unacknowledged.values()].flat();
      if (left.length > 0) this.violations.push(`drained with ${left.join(', ')}`);
      return;
    }
    if (command === Command.ClientAttached || command === Command.ClientClosed) {
      // The body is msgpack: the number of the client follows its key.
      const at = body.indexOf('connection') + 'connection'.length;
      this.#handle(body.readUInt8(at), command, 'closed');
      return;
    }
    const text = command === Command.ClientMessage ? body.toString('utf8', 5) : 'connected';
    this.#handle(body.readUInt32BE(0), command, text);
  }

  #handle(connection: number, command: number, event: string): void {
    const events = this.unacknowledged.get(connection);
    if (command === Command.ClientAttached) {
      if (events !== undefined) this.violations.push(`${connection} attached twice`);
      const { name } = this.link;
      if (name !== 'worker' && name !== routeNames[connection % 2]) {
        this.violations.push(`${connection} attached to ${name}`);
      }
      this.unacknowledged.set(connection, []);
    } else if (events === undefined) {
      this.violations.push(`${connection} is not attached: ${event}`);
    } else if (command === Command.ClientDetached) {
      if (events.length > 0)
        this.violations.push(`${connection} detached with ${events.join(', ')}`);
      this.unacknowledged.delete(connection);
    } else {
      events.push(event);
    }
  }
}

/** A gateway with a few clients, whose workers are added, drained and killed. */
class World {
  readonly limits = new LimitCounters();
  readonly workers: Worker[] = [];
  readonly clients: readonly ClientConnection[];
  /** Whether each client is paused. */
  readonly isPaused: boolean[] = [];
  /** Events of each client, and those that are acknowledged. */
  readonly sent: string[][] = [];
  readonly acked: string[][] = [];
  readonly violations: string[] = [];
  readonly #dispatcher: EventDispatcher;
  readonly #redelivers: boolean;
  readonly #isRouted: boolean;
  #lastWorker = 0;

  constructor(redelivers: boolean, isRouted: boolean) {
    this.#redelivers = redelivers;
    this.#isRouted = isRouted;
    this.#dispatcher = create(
      {
        maxEventsInFlight: 4,
        maxEventsInFlightPerWorker: MAX_EVENTS_PER_WORKER,
        maxEventBytesInFlight: 1_048_576,
        maxEventBytesInFlightPerWorker: 1_048_576,
        maxHeldBytes: 1024,
        rebalancePerSecond: 4,
        routes: isRouted ? routes : undefined,
      },
      this.limits,
    );
    this.clients = Array.from({ length: CLIENTS }, (_, id) => this.#makeClient(id));
    for (const client of this.clients) this.#dispatcher.dispatchConnected(client);
  }

  close(): void {
    this.#dispatcher.close();
  }

  get eventsInFlight(): number {
    return this.#dispatcher.eventsInFlight;
  }

  send(id: number): void {
    const [client, sent] = [this.clients[id], this.sent[id]];
    if (client === undefined || sent === undefined || client.isClosing) return;
    const text = `message ${sent.length}`;
    sent.push(text);
    this.#dispatcher.dispatchMessage(client, Buffer.from(text), 0, Buffer.byteLength(text), false);
  }

  disconnect(id: number): void {
    const client = this.clients[id];
    if (client === undefined || client.isClosing) return;
    client.isClosing = true;
    this.sent[id]?.push('closed');
    const closure = { by: 'client', code: undefined, reason: undefined } as const;
    this.#dispatcher.dispatchClosed(client, closure);
  }

  addWorker(which: number): void {
    const name = this.#isRouted ? (routeNames[which % 2] ?? 'worker') : 'worker';
    const worker = new Worker(this.#lastWorker, name, this.#redelivers);
    this.#lastWorker += 1;
    this.workers.push(worker);
    this.#dispatcher.addWorker(worker.link);
  }

  drain(index: number): void {
    const worker = this.workers[index % this.workers.length];
    if (worker !== undefined) this.#dispatcher.drainWorker(worker.link);
  }

  kill(index: number): void {
    const [worker] = this.workers.splice(index % this.workers.length, 1);
    if (worker === undefined) return;
    this.violations.push(...worker.violations);
    this.#dispatcher.removeWorker(worker.link);
  }

  /** Acknowledges the next event of a client at the worker that has one. */
  ack(id: number): boolean {
    this.flush();
    const worker = this.workers.find(
      ({ unacknowledged }) => (unacknowledged.get(id)?.length ?? 0) > 0,
    );
    const event = worker?.unacknowledged.get(id)?.shift();
    if (worker === undefined || event === undefined) return false;
    this.acked[id]?.push(event);
    if (event === 'closed') worker.unacknowledged.delete(id);
    const client = this.clients[id];
    // As `InnerLinks` finds it: a closed client is not in the client table.
    const known = client?.isClosing === false ? client : worker.link.closedClients.get(id);
    this.#dispatcher.handleAck(worker.link, known, { count: 1, byteLength: 0 });
    return true;
  }

  /** Lets the workers read their frames, and checks their limits. */
  flush(): void {
    for (const { link } of this.workers) {
      link.connection.output.flush();
      const { id, eventsInFlight } = link;
      if (eventsInFlight > MAX_EVENTS_PER_WORKER) this.violations.push(`${id} has too many events`);
    }
    for (let id = 0; id < CLIENTS; id += 1) {
      const busy = this.workers.filter(
        ({ unacknowledged }) => (unacknowledged.get(id)?.length ?? 0) > 0,
      );
      if (busy.length > 1) this.violations.push(`${id} is at ${busy.length} workers at once`);
    }
  }

  #makeClient(id: number): ClientConnection {
    this.isPaused.push(false);
    this.sent.push(['connected']);
    this.acked.push([]);
    const socket = {
      ...silentSocket,
      request: { url: `/${routeNames[id % 2]}/x?y=1`, headers: {} },
      setPaused: (isPaused: boolean) => {
        this.isPaused[id] = isPaused;
      },
    };
    return new ClientConnection({ connection: id, nonceHigh: 7, nonceLow: 8 }, socket);
  }
}

type Step = readonly [
  kind: 'send' | 'disconnect' | 'ack' | 'add' | 'drain' | 'kill' | 'turn',
  which: number,
];

const client = fc.nat(CLIENTS - 1);
const worker = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constant('send' as const), client) },
  { weight: 12, arbitrary: fc.tuple(fc.constant('ack' as const), client) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('turn' as const), worker) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('add' as const), worker) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('drain' as const), worker) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('kill' as const), worker) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('disconnect' as const), client) },
);

function execute(world: World, [kind, which]: Step): void {
  if (kind === 'send') world.send(which);
  else if (kind === 'disconnect') world.disconnect(which);
  else if (kind === 'ack') world.ack(which);
  else if (kind === 'add') world.addWorker(which);
  else if (kind === 'drain') world.drain(which);
  else if (kind === 'kill') world.kill(which);
  else vi.runOnlyPendingTimers();
}

/** True when the events are a subsequence of the sent ones. */
function isSubsequence(events: readonly string[], sent: readonly string[]): boolean {
  let from = 0;
  for (const event of events) {
    from = sent.indexOf(event, from) + 1;
    if (from === 0) return false;
  }
  return true;
}

test.each([
  [false, false],
  [true, false],
  [false, true],
  [true, true],
])(
  'event order: holds in any order of steps; redelivery: %j, routes: %j',
  (redelivers, isRouted) => {
    vi.useFakeTimers({
      toFake: ['setImmediate', 'clearImmediate', 'setInterval', 'clearInterval'],
    });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const check = fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const world = new World(redelivers, isRouted);
      for (const one of steps) execute(world, one);
      for (const which of [0, 1]) world.addWorker(which);
      let isMoving = true;
      while (isMoving) {
        vi.runOnlyPendingTimers();
        isMoving = Array.from({ length: CLIENTS }, (_, id) => world.ack(id)).some(Boolean);
      }
      world.flush();
      const violations = [...world.violations, ...world.workers.flatMap((one) => one.violations)];
      expect(violations).toEqual([]);
      const disordered = world.acked.filter(
        (events, id) => !isSubsequence(events, world.sent[id] ?? []),
      );
      expect(disordered).toEqual([]);
      const missing = world.sent.flat().length - world.acked.flat().length;
      expect(missing).toBe(world.limits.lostEvents);
      expect(world.eventsInFlight).toBe(0);
      for (const [id, { isClosing, eventsInFlight }] of world.clients.entries()) {
        const owners = world.workers.filter(({ unacknowledged }) => unacknowledged.has(id)).length;
        if (isClosing) expect(owners).toBe(0);
        else expect([owners, eventsInFlight, world.isPaused[id]]).toEqual([1, 0, false]);
      }
      const draining = world.workers.filter(({ link }) => link.isDraining);
      expect(draining.every(({ isDrained }) => isDrained)).toBe(true);
      world.close();
    });
    fc.assert(check, { numRuns: 200 });
  },
);
