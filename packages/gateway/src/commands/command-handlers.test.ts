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
  FrameDecoder,
  keepSession,
  type Message,
  packSessionDelta,
  packValue,
  readMessage,
  replaceSession,
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
import { MembershipIndex } from '../subscriptions/membership-index.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { WorkerLink } from '../workers/worker-link.ts';
import { commandHandlers } from './command-handlers.ts';

/** A transport that has no clients: nothing is sent here. */
const transport = { frame: (payload: Buffer) => payload };

/** A worker in memory that keeps what it is told. */
class Worker extends Socket {
  readonly link: WorkerLink;
  readonly #told: Message[] = [];

  constructor(id: number) {
    super();
    const hello = { type: 'hello', version: 1, role: 'worker', nonce: Buffer.alloc(32) } as const;
    const connection = new FrameConnection(this, new FlushScheduler());
    this.link = new WorkerLink(connection, { ...hello, instanceId: `i${id}`, name: 'worker', id });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    new FrameDecoder((...frame) => {
      const message = readMessage(...frame);
      if (message !== undefined) this.#told.push(message);
      return undefined;
    }).push(chunk);
    done();
  }

  /** What it was told since the last look. */
  takeTold(): readonly Message[] {
    this.link.connection.output.flush();
    return this.#told.splice(0);
  }
}

/** A gateway with one client, which the first of two workers has. */
class Fixture {
  readonly owner = new Worker(1);
  readonly other = new Worker(2);
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

  /** Carries out what a worker, or somebody who is none, sends. */
  carryOut(worker: Worker | undefined, write: (writer: ByteWriter) => void): void {
    const writer = new ByteWriter();
    write(writer);
    new FrameDecoder((command, buffer, start, end) => {
      const reader = new ByteReader().reset(buffer, start, end);
      commandHandlers.get(command)?.(this.state, reader, worker?.link);
      return undefined;
    }).push(writer.buffer.subarray(0, writer.length));
  }

  bind(worker: Worker | undefined, uid: string | undefined): void {
    this.carryOut(worker, (writer) => {
      if (uid === undefined) writeUnbindUid(writer, this.client);
      else writeBindUid(writer, this.client, uid);
    });
  }

  changeSession(worker: Worker | undefined, session: SessionData): void {
    this.carryOut(worker, (writer) => {
      if (worker === undefined) writeSetSession(writer, this.client, packValue(session));
      else {
        const delta = packSessionDelta(replaceSession(session));
        writeApplySessionDelta(writer, this.client, delta);
      }
    });
  }

  get session(): unknown {
    const { packed } = this.client.session;
    return packed && unpackValue(packed);
  }
}

test('tells the worker of a client of every change of the uid, and how many of its own came before', () => {
  const fixture = new Fixture();
  const { owner, other, client } = fixture;
  const told = (appliedChanges: number, uid: string | undefined): object => {
    return { type: 'uidChanged', connection: client.connection, appliedChanges, uid };
  };
  fixture.bind(undefined, 'a');
  fixture.bind(owner, 'b');
  fixture.bind(owner, 'b');
  fixture.bind(other, 'c');
  fixture.bind(owner, undefined);
  expect(client.uid).toBeUndefined();
  expect(owner.takeTold()).toEqual([told(0, 'a'), told(1, 'b'), told(2, 'c'), told(3, undefined)]);
  expect(other.takeTold()).toEqual([]);
});

test('tells the worker of a client what others change of its session, and not its own changes', () => {
  const fixture = new Fixture();
  const { owner, other, client } = fixture;
  fixture.changeSession(owner, { a: 1 });
  fixture.changeSession(undefined, { a: 2 });
  fixture.changeSession(other, { a: 3 });
  const { connection } = client;
  const told = (session: SessionData): object => {
    const delta = replaceSession(session);
    return { type: 'sessionChanged', connection, appliedChanges: 1, delta };
  };
  expect(owner.takeTold()).toEqual([told({ a: 2 }), told({ a: 3 })]);
  expect(other.takeTold()).toEqual([]);
});

test('gives the worker of a client back the session that stays when its own change is refused', () => {
  const fixture = new Fixture();
  const { owner, client } = fixture;
  fixture.changeSession(undefined, { kept: true });
  owner.takeTold();
  fixture.changeSession(owner, { large: 'x'.repeat(2_000_000) });
  expect(fixture.session).toEqual({ kept: true });
  expect(owner.takeTold()).toEqual([
    {
      type: 'sessionChanged',
      connection: client.connection,
      appliedChanges: 1,
      delta: replaceSession({ kept: true }),
    },
  ]);
});

test('tells the worker of a client now and then that it has its own changes', () => {
  const fixture = new Fixture();
  const { owner, client } = fixture;
  for (let count = 0; count < 600; count += 1) fixture.changeSession(owner, { count });
  const { connection } = client;
  const told = { type: 'sessionChanged', connection, delta: keepSession() };
  expect(owner.takeTold()).toEqual([
    { ...told, appliedChanges: 256 },
    { ...told, appliedChanges: 512 },
  ]);
});
