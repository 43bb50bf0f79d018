import { Socket } from 'node:net';
import {
  createLogger,
  FlushScheduler,
  FrameConnection,
  Guard,
  ThrottledLog,
} from '@gatewayworker/core';
import {
  ByteReader,
  ByteWriter,
  emptyDelta,
  FrameDecoder,
  type Message,
  packSessionDelta,
  packValue,
  readMessage,
  replacementDelta,
  type SessionData,
  unpackValue,
  writeApplySessionDelta,
  writeBindUid,
  writeSetSession,
  writeUnbindUid,
} from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import type { ClientConnection } from '../clients/client-connection.ts';
import { ClientSender } from '../clients/client-sender.ts';
import { ClientTable } from '../clients/client-table.ts';
import { LimitCounters } from '../clients/limit-counters.ts';
import type { GatewayState } from '../gateway-state.ts';
import { CallerLane } from '../resume/lane-table.ts';
import { MembershipIndex } from '../subscriptions/membership-index.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { WorkerLink } from '../workers/worker-link.ts';
import type { Caller } from './caller.ts';
import { commandHandlers } from './command-handlers.ts';

/** A transport without clients. */
const transport = { frame: (payload: Buffer) => payload };

/** A worker in memory that keeps the messages it receives. */
class Worker extends Socket {
  readonly link: WorkerLink;
  /** As the sender of commands. */
  readonly caller: Caller;
  readonly #received: Message[] = [];

  constructor(id: number) {
    super();
    const hello = { type: 'hello', version: 1, role: 'worker', nonce: Buffer.alloc(32) } as const;
    const connection = new FrameConnection(this, new FlushScheduler());
    this.link = new WorkerLink(connection, { ...hello, instanceId: `i${id}`, name: 'worker', id });
    this.caller = { worker: this.link, lane: new CallerLane(connection) };
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    new FrameDecoder((...frame) => {
      const message = readMessage(...frame);
      if (message !== undefined) this.#received.push(message);
      return undefined;
    }).push(chunk);
    done();
  }

  /** Messages received since the last call. */
  takeReceived(): readonly Message[] {
    this.link.connection.output.flush();
    return this.#received.splice(0);
  }
}

/** The state of a gateway with one client, which is attached to the first of two workers. */
class Fixture {
  readonly owner = new Worker(1);
  readonly other = new Worker(2);
  /** A client of the Gateway API. */
  readonly apiCaller: Caller = { worker: undefined, lane: this.other.caller.lane };
  readonly client: ClientConnection;
  readonly state: GatewayState;

  constructor() {
    const limits = new LimitCounters();
    const policy = { sendToClientBufferSize: 1024, slowConsumer: 'close' } as const;
    const tables = {
      clients: new ClientTable(),
      uids: new MembershipIndex<ClientConnection>(),
      groups: new MembershipIndex<ClientConnection>(),
    };
    const guard = new Guard();
    this.state = {
      ...tables,
      sender: new ClientSender(policy, { transport, tables, limits, guard }),
      limits,
      guard,
      logger: createLogger({ stdout: false }),
      clientLog: new ThrottledLog(createLogger({ stdout: false })),
    };
    this.client = this.state.clients.add(silentSocket);
    this.client.worker = this.owner.link;
  }

  /** Executes a command of a worker, or of a client of the Gateway API. */
  execute(worker: Worker | undefined, write: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter();
    write(writer);
    new FrameDecoder((command, buffer, start, end) => {
      const reader = new ByteReader().reset(buffer, start, end);
      commandHandlers.get(command)?.(this.state, reader, worker?.caller ?? this.apiCaller);
      return undefined;
    }).push(writer.buffer.subarray(0, writer.length));
  }

  bind(worker: Worker | undefined, uid: string | undefined): void {
    this.execute(worker, (writer) => {
      if (uid === undefined) writeUnbindUid(writer, this.client);
      else writeBindUid(writer, this.client, uid);
    });
  }

  changeSession(worker: Worker | undefined, session: SessionData): void {
    this.execute(worker, (writer) => {
      if (worker === undefined) writeSetSession(writer, this.client, packValue(session));
      else {
        const delta = packSessionDelta(replacementDelta(session));
        writeApplySessionDelta(writer, this.client, delta);
      }
    });
  }

  get session(): unknown {
    const { packed } = this.client.session;
    return packed && unpackValue(packed);
  }
}

test('uid commands: the worker gets every change, with the count of its own', () => {
  const fixture = new Fixture();
  const { owner, other, client } = fixture;
  const changed = (appliedChanges: number, uid: string | undefined): object => {
    return { type: 'uidChanged', connection: client.connection, appliedChanges, uid };
  };
  fixture.bind(undefined, 'a');
  fixture.bind(owner, 'b');
  fixture.bind(owner, 'b');
  fixture.bind(other, 'c');
  fixture.bind(owner, undefined);
  expect(client.uid).toBeUndefined();
  expect(owner.takeReceived()).toEqual([
    changed(0, 'a'),
    changed(1, 'b'),
    changed(2, 'c'),
    changed(3, undefined),
  ]);
  expect(other.takeReceived()).toEqual([]);
});

test('session commands: the worker gets changes of others, not its own', () => {
  const fixture = new Fixture();
  const { owner, other, client } = fixture;
  fixture.changeSession(owner, { a: 1 });
  fixture.changeSession(undefined, { a: 2 });
  fixture.changeSession(other, { a: 3 });
  const { connection } = client;
  const changed = (session: SessionData): object => {
    const delta = replacementDelta(session);
    return { type: 'sessionChanged', connection, appliedChanges: 1, delta };
  };
  expect(owner.takeReceived()).toEqual([changed({ a: 2 }), changed({ a: 3 })]);
  expect(other.takeReceived()).toEqual([]);
});

test('session commands: a refused change sends the worker the whole session', () => {
  const fixture = new Fixture();
  const { owner, client } = fixture;
  fixture.changeSession(undefined, { kept: true });
  owner.takeReceived();
  fixture.changeSession(owner, { large: 'x'.repeat(2_000_000) });
  expect(fixture.session).toEqual({ kept: true });
  expect(owner.takeReceived()).toEqual([
    {
      type: 'sessionChanged',
      connection: client.connection,
      appliedChanges: 1,
      delta: replacementDelta({ kept: true }),
    },
  ]);
});

test('session commands: confirms every 256th change of the worker', () => {
  const fixture = new Fixture();
  const { owner, client } = fixture;
  for (let count = 0; count < 600; count += 1) fixture.changeSession(owner, { count });
  const { connection } = client;
  const confirmation = { type: 'sessionChanged', connection, delta: emptyDelta() };
  expect(owner.takeReceived()).toEqual([
    { ...confirmation, appliedChanges: 256 },
    { ...confirmation, appliedChanges: 512 },
  ]);
});
