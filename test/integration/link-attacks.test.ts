import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  BusinessWorkerRuntime,
  resolveBusinessWorkerOptions,
} from '@gatewayworker/business-worker';
import {
  AcceptorRole,
  ByteWriter,
  Command,
  DialerRole,
  type Message,
  PROTOCOL_VERSION,
  writeSendToAll,
} from '@gatewayworker/protocol';
import {
  captureLogger,
  eventually,
  type Roles,
  startRoles,
  type TestClient,
} from '@gatewayworker/testing';
import type { EventHandler } from 'gatewayworker';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  Dialer,
  flood,
  frameOf,
  listenFalsely,
  makeHello,
  messagesOf,
  prove,
  RefusalWatch,
  recordSession,
  type Session,
  wrongProof,
} from './link-attackers.ts';
import { roles } from './roles.ts';

const secretKey = 'the key of this cluster';
const echo: EventHandler = { onMessage: (_id, message, ctx) => void ctx.send(message) };

let cluster: Roles;
/** A client that is served during the attacks. */
let bystander: TestClient;

beforeAll(async () => {
  cluster = await startRoles({ events: echo, gateways: 2, secretKey });
  bystander = await cluster.connect();
});

afterAll(() => cluster.stop());

let words = 0;

/** Checks that a cluster works and that no attack had an effect. */
async function expectUnaffected(attacked = cluster, client = bystander): Promise<void> {
  words += 1;
  client.send(`word ${words}`);
  expect(await client.next()).toBe(`word ${words}`);
  expect(client.messages).toEqual([]);
  expect(attacked.gateways.map(({ workerCount }) => workerCount)).toEqual([1, 1]);
}

/** An attacked process, with what an attacker may know: another process, and a recorded session. */
interface Target {
  readonly port: number;
  readonly otherPort: number;
  readonly session: Session;
}

/** Attacks a process; resolves with the connection. */
type Attack = (target: Target) => Promise<Dialer>;

/** Sends a hello, and a proof made from the challenge. */
function proveBy(
  makeProof: (
    hello: Message<'hello'>,
    challenge: Message<'challenge'>,
    target: Target,
  ) => Uint8Array,
  role: DialerRole = DialerRole.Worker,
): Attack {
  return async (target) => {
    const dialer = await Dialer.open(target.port);
    const hello = makeHello({ role });
    const challenge = await dialer.greet(hello);
    const proof = makeProof(hello, challenge, target);
    dialer.peer.send(frameOf({ type: 'proof', proof }));
    return dialer;
  };
}

/** Sends bytes without waiting for answers. */
function send(makeBytes: (target: Target) => readonly Uint8Array[]): Attack {
  return async (target) => {
    const dialer = await Dialer.open(target.port);
    for (const bytes of makeBytes(target)) dialer.peer.send(bytes);
    return dialer;
  };
}

const broadcast = (): Buffer => {
  const writer = new ByteWriter();
  writeSendToAll(writer, [], 'from a stranger');
  return Buffer.from(writer.buffer.subarray(0, writer.length));
};

/** 8 levels of lists, each with 10 references to the one below as msgpackr writes them, and one extra byte. */
const referenceGraph: Buffer = (() => {
  const define = (id: number): Buffer => Buffer.from([0xd6, 0x69, 0, 0, 0, id]);
  const refer = (id: number): Buffer => Buffer.from([0xd6, 0x70, 0, 0, 0, id]);
  const body = [Buffer.from([0x99]), define(0), Buffer.from([0x91, 0xc0])];
  for (let id = 1; id <= 8; id++) {
    const entries = Array.from({ length: 10 }, () => refer(id - 1));
    body.push(define(id), Buffer.from([0x9a]), ...entries);
  }
  const rest = Buffer.concat([Buffer.from([Command.Hello]), ...body, Buffer.from([0])]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(rest.length);
  return Buffer.concat([length, rest]);
})();

const attacks: Readonly<Record<string, Attack>> = {
  'no key': proveBy((hello, challenge) => prove('', 'dialer', hello, challenge)),
  'a wrong key': proveBy((hello, challenge) => prove(`${secretKey}!`, 'dialer', hello, challenge)),
  'an all-zero proof': proveBy(() => Buffer.alloc(32)),
  'an empty proof': proveBy(() => Buffer.alloc(0)),
  'the recorded proof of the acceptor': proveBy(
    (_hello, _challenge, { session }) => session.welcome.proof,
  ),
  '9 proofs': async ({ port }) => {
    const dialer = await Dialer.open(port);
    const hello = makeHello();
    const proof = prove(secretKey, 'dialer', hello, await dialer.greet(hello));
    const otherProofs = Array.from({ length: 8 }, () => randomBytes(32));
    dialer.peer.send(frameOf({ type: 'proof', proof, otherProofs }));
    return dialer;
  },
  '8 wrong proofs': async ({ port }) => {
    const dialer = await Dialer.open(port);
    await dialer.greet(makeHello());
    const [proof = Buffer.alloc(0), ...otherProofs] = Array.from({ length: 8 }, () =>
      randomBytes(32),
    );
    dialer.peer.send(frameOf({ type: 'proof', proof, otherProofs }));
    return dialer;
  },
  'a proof made as an acceptor': proveBy((hello, challenge) =>
    prove(secretKey, 'acceptor', hello, challenge),
  ),
  'a recorded proof': proveBy((_hello, _challenge, { session }) => session.proof),
  'the proof of a worker, sent by a client': proveBy(
    (hello, challenge) =>
      prove(secretKey, 'dialer', { ...hello, role: DialerRole.Worker }, challenge),
    DialerRole.Client,
  ),
  'a proof for the other kind of acceptor': proveBy((hello, challenge) => {
    const { Gateway, Register } = AcceptorRole;
    const role = challenge.role === Gateway ? Register : Gateway;
    return prove(secretKey, 'dialer', hello, { ...challenge, role });
  }),
  'a recorded hello and proof': async ({ port, session }) => {
    const dialer = await Dialer.open(port);
    await dialer.greet(session.hello);
    dialer.peer.send(frameOf({ type: 'proof', proof: session.proof }));
    return dialer;
  },
  'a recorded session': send(({ session }) => [session.sent]),
  'a recorded link, resumed': async ({ port, session }) => {
    const dialer = await Dialer.open(port);
    const { instanceId } = session.hello;
    const resume = { linkId: session.linkId ?? '', received: 0 };
    await dialer.greet(makeHello({ instanceId, resume }));
    dialer.peer.send(frameOf({ type: 'proof', proof: session.proof }));
    return dialer;
  },
  'the challenge sent back': async ({ port }) => {
    const dialer = await Dialer.open(port);
    const challenge = await dialer.greet(makeHello());
    dialer.peer.send(frameOf(challenge));
    return dialer;
  },
  'two hellos': send(() => [frameOf(makeHello()), frameOf(makeHello())]),
  'a command after the hello': send(() => [frameOf(makeHello()), broadcast()]),
  'a command first': send(() => [broadcast()]),
  'a hello that is too long': send(() => [frameOf(makeHello({ name: 'x'.repeat(5000) }))]),
  'a hello with a length of 4 GB': send(() => [Buffer.from('ffffffff01', 'hex')]),
  'a hello without a nonce': send(() => [frameOf(makeHello({ nonce: Buffer.alloc(0) }))]),
  'a graph of references': async ({ port }) => {
    const dialer = await Dialer.open(port);
    const before = process.cpuUsage();
    dialer.peer.send(referenceGraph);
    await dialer.peer.ended;
    // The attacked process is this one, so its processor time counts here.
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
    return dialer;
  },
  'a hello byte by byte, and a wrong proof': async ({ port }) => {
    const dialer = await Dialer.open(port);
    const hello = makeHello();
    const bytes = frameOf(hello);
    for (const [index] of bytes.entries()) {
      dialer.peer.send(bytes.subarray(index, index + 1));
      await new Promise(setImmediate);
    }
    const challenge = await eventually(() =>
      messagesOf(dialer.peer.received).find(({ type }) => type === 'challenge'),
    );
    expect(challenge.type).toBe('challenge');
    dialer.peer.send(frameOf({ type: 'proof', proof: Buffer.alloc(32) }));
    return dialer;
  },
};

const unproven = /^The secretKey differs from that of the peer$/;

/** Reasons of attacks that fail before the proof is checked. */
const otherReasons: Readonly<Record<string, RegExp>> = {
  '9 proofs': /^the peer has sent 9 proofs; allowed: 1 to 8$/,
  'the challenge sent back': /^received challenge instead of proof$/,
  'two hellos': /^received hello instead of proof$/,
  'a command after the hello': /^received command \d+ instead of proof$/,
  'a command first': /^received command \d+ instead of hello$/,
  'a hello that is too long': /^a frame of 5\d\d\d bytes exceeds the limit of 4096$/,
  'a hello with a length of 4 GB': /^a frame of 4294967295 bytes exceeds the limit of 4096$/,
  'a graph of references': /^a body is not msgpack: extension 105 of 4 bytes is not supported$/,
  'a hello without a nonce': /^the nonce has 0 bytes; allowed: 32$/,
};

/** Number of dialers that make the same attack at the same time. */
const CROWD = 30;

/** Attacks that a crowd makes, too; the log treats all others alike. */
const crowded: readonly string[] = [
  'no key',
  'a wrong key',
  'a recorded hello and proof',
  'a recorded session',
  'the proof of a worker, sent by a client',
];

/** Attacks that are refused at the handshake deadline. */
const slowAttacks: readonly Attack[] = [
  send(() => [frameOf(makeHello()).subarray(0, 40)]),
  send(() => [frameOf(makeHello())]),
  send(() => []),
];

type Kind = 'register' | 'gateway';

async function makeTarget(kind: Kind, attacked = cluster): Promise<Target> {
  const [gateway, other] = attacked.gateways;
  const ports = [gateway?.innerPort ?? 0, other?.innerPort ?? 0] as const;
  const port = kind === 'register' ? attacked.register.port : ports[0];
  return { port, otherPort: ports[1], session: await recordSession(port, secretKey) };
}

test('register, gateway: refuse a partial hello, no proof and silence at the deadline', async () => {
  const refused = new RefusalWatch(cluster.log);
  const targets = [await makeTarget('register'), await makeTarget('gateway')];
  const dialers = await Promise.all(
    targets.flatMap((target) => slowAttacks.map((attack) => attack(target))),
  );
  await expectUnaffected();
  await Promise.all(dialers.map(({ peer }) => peer.ended));
  await refused.expect(dialers.length, /^the peer took too long$/, targets.length);
  expect(dialers.some(({ isWelcome }) => isWelcome)).toBe(false);
});

describe.each(['register', 'gateway'] as const)('%s', (kind) => {
  test.each(Object.entries(attacks))('%s: refused and logged', async (name, attack) => {
    // A cluster of its own logs its first refusal at once.
    const attacked = await roles({ events: echo, gateways: 2, secretKey });
    const client = await attacked.connect();
    const target = await makeTarget(kind, attacked);
    const refused = new RefusalWatch(attacked.log);
    const dialer = await attack(target);
    await dialer.peer.ended;
    expect(dialer.isWelcome).toBe(false);
    await expectUnaffected(attacked, client);
    await refused.expect(1, otherReasons[name] ?? unproven);
  });

  test.each(crowded)('%s, from 30 dialers: one log line a second', async (name) => {
    const attack = attacks[name];
    if (attack === undefined) throw new Error(`there is no attack "${name}"`);
    const target = await makeTarget(kind);
    const refused = new RefusalWatch(cluster.log);
    const dialers = await Promise.all(Array.from({ length: CROWD }, () => attack(target)));
    await Promise.all(dialers.map(({ peer }) => peer.ended));
    expect(dialers.some(({ isWelcome }) => isWelcome)).toBe(false);
    await expectUnaffected();
    await refused.expect(CROWD, unproven);
  });

  test('a recorded session of another process: refused', async () => {
    const { session, otherPort } = await makeTarget(kind);
    const refused = new RefusalWatch(cluster.log);
    const dialer = await Dialer.open(otherPort);
    dialer.peer.send(session.sent);
    await dialer.peer.ended;
    expect(dialer.isWelcome).toBe(false);
    await expectUnaffected();
    await refused.expect(1, unproven);
  });

  test('3000 wrong proofs in a row: counted in the log, clients and links work', {
    timeout: 300_000,
  }, async () => {
    // A cluster of its own logs its first refusal at once.
    const flooded = await roles({ events: echo, secretKey });
    const inner = flooded.gateways[0]?.innerPort ?? 0;
    const port = kind === 'register' ? flooded.register.port : inner;
    const refused = new RefusalWatch(flooded.log);
    await flood(flooded, { attempts: 3000, atATime: 64 }, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined).resume();
      socket.write(wrongProof);
      await new Promise((resolve) => socket.once('close', resolve));
    });
    await refused.expect(3000, unproven);
  });

  test('1400 silent dialers: a dialer with the key links', async () => {
    const { port } = await makeTarget(kind);
    const refused = new RefusalWatch(cluster.log);
    const strangers: Socket[] = [];
    onTestFinished(() => {
      for (const socket of strangers) socket.destroy();
    });
    let cutOff = 0;
    for (let count = 0; count < 1400; count += 1) {
      const socket = connect(port, '127.0.0.1');
      strangers.push(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          cutOff += 1;
        });
      if (count % 100 === 99) await once(socket, 'connect');
    }
    // The oldest are closed long before their deadline.
    await eventually(() => cutOff >= 1400 - 1024);
    const session = await recordSession(port, secretKey);
    expect(session.proof).toHaveLength(32);
    await expectUnaffected();
    for (const socket of strangers) socket.destroy();
    await refused.expect(1400, /^the peer closed the link$|^read ECONNRESET$/);
  });
});

/** A gateway that only a false register lists. */
const falseGateway = {
  address: '127.0.0.1:1',
  instanceId: 'false',
  gatewayToken: 7,
  name: 'false',
};

/** Answers of a false register to a hello, and then to a proof. */
interface FalseAnswer {
  readonly toHello: (socket: Socket, hello: Message<'hello'>, session: Session) => void;
  readonly toProof?: (received: Received, session: Session) => Uint8Array;
}

/** What a false register knows once it has a proof. */
interface Received {
  readonly hello: Message<'hello'>;
  readonly challenge: Message<'challenge'>;
  readonly proof: Uint8Array;
}

/** Sends a challenge, which needs no key. */
const challengeIt: FalseAnswer['toHello'] = (socket) => {
  socket.write(frameOf(falseChallenge));
};

const falseChallenge: Message<'challenge'> = {
  type: 'challenge',
  version: PROTOCOL_VERSION,
  role: AcceptorRole.Register,
  instanceId: 'false',
  nonce: randomBytes(32),
};

const falseAnswers: Readonly<Record<string, FalseAnswer>> = {
  'a proof by a wrong key': {
    toHello: challengeIt,
    toProof: ({ hello, challenge }) => prove('a wrong key', 'acceptor', hello, challenge),
  },
  'an all-zero proof': { toHello: challengeIt, toProof: () => Buffer.alloc(32) },
  'the proof sent back': { toHello: challengeIt, toProof: ({ proof }) => proof },
  'a proof made as a dialer': {
    toHello: challengeIt,
    toProof: ({ hello, challenge }) => prove(secretKey, 'dialer', hello, challenge),
  },
  'the proof of a gateway': {
    toHello: challengeIt,
    toProof: ({ hello, challenge }) =>
      prove(secretKey, 'acceptor', hello, { ...challenge, role: AcceptorRole.Gateway }),
  },
  'a recorded challenge and proof': {
    toHello: (socket, _hello, { challenge }) => void socket.write(frameOf(challenge)),
    toProof: (_received, { welcome }) => welcome.proof,
  },
  'the hello sent back': { toHello: (socket, hello) => void socket.write(frameOf(hello)) },
  'a welcome first': {
    toHello: (socket, _hello, { welcome }) => {
      socket.write(frameOf(welcome));
      socket.write(frameOf({ type: 'gatewayList', gateways: [falseGateway] }));
    },
  },
  'a frame of 4 GB': {
    toHello: (socket) => void socket.write(Buffer.from('ffffffff02', 'hex')),
  },
  'a gateway in the place of the register': {
    toHello: (socket, hello) => {
      const real = connect(cluster.gateways[0]?.innerPort ?? 0, '127.0.0.1');
      real.on('error', () => undefined);
      real.write(frameOf(hello));
      real.pipe(socket).pipe(real);
    },
  },
};

test.each(Object.entries(falseAnswers))(
  'false register, %s: a worker ignores it and uses the true one',
  async (_name, { toHello, toProof }) => {
    const session = await recordSession(cluster.register.port, secretKey);
    const register = await listenFalsely((socket, first) => {
      const [hello] = messagesOf(first);
      if (hello?.type !== 'hello') return;
      toHello(socket, hello, session);
      socket.once('data', (second) => {
        const [answer] = messagesOf(second);
        if (answer?.type !== 'proof' || toProof === undefined) return;
        const proof = toProof({ hello, challenge: falseChallenge, proof: answer.proof }, session);
        socket.write(frameOf({ ...session.welcome, proof }));
        socket.write(frameOf({ type: 'gatewayList', gateways: [falseGateway] }));
      });
    });
    const registerAddress = [`127.0.0.1:${register.port}`, cluster.registerAddress];
    const options = { name: 'cheated', eventHandler: '/given', registerAddress, secretKey };
    const log = captureLogger();
    const worker = new BusinessWorkerRuntime(resolveBusinessWorkerOptions(options), {
      id: 0,
      logger: log.logger,
      loadEvents: async () => echo,
    });
    const stop = async (): Promise<void> => {
      await worker.stop();
      await eventually(() => cluster.gateways.every(({ workerCount }) => workerCount === 1));
    };
    onTestFinished(stop);
    await worker.start();
    await eventually(() => cluster.gateways.every(({ workerCount }) => workerCount === 2));
    // The worker refuses it and dials again.
    await eventually(() => register.peers.length >= 2);
    await register.peers[0]?.ended;
    for (const { received } of register.peers) {
      // After the hello the worker sends a proof only, and only to a proper challenge.
      const [, ...heard] = messagesOf(received).filter(({ type }) => type !== 'refusal');
      expect(toProof === undefined ? [] : ['proof']).toEqual(
        expect.arrayContaining(heard.map(({ type }) => type)),
      );
    }
    // The worker has not dialed the gateway of the false list.
    expect(worker.status().notReadyReasons).toEqual([]);
    expect(
      log.lines.filter(({ msg }) => msg === 'inner link not connected, retrying'),
    ).toHaveLength(1);
  },
);

test.each(['register', 'gateway'] as const)(
  '%s: sends no proof to a dialer without one',
  async (kind) => {
    const [gateway] = cluster.gateways;
    const port = kind === 'register' ? cluster.register.port : (gateway?.innerPort ?? 0);
    const dialer = await Dialer.open(port);
    const hello = makeHello();
    const challenge = await dialer.greet(hello);
    dialer.peer.send(frameOf({ type: 'proof', proof: Buffer.alloc(32) }));
    await dialer.peer.ended;
    // Nothing that it sent was made with the key, so an attacker cannot try keys on it.
    const proof = prove(secretKey, 'acceptor', hello, challenge);
    expect(dialer.peer.received.includes(proof)).toBe(false);
    expect(messagesOf(dialer.peer.received).map(({ type }) => type)).toEqual([
      'challenge',
      'refusal',
    ]);
    expect(Object.keys(challenge).toSorted()).toEqual([
      'instanceId',
      'nonce',
      'role',
      'type',
      'version',
    ]);
  },
);
