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
/** Talks all the while. */
let bystander: TestClient;

beforeAll(async () => {
  cluster = await startRoles({ events: echo, gateways: 2, secretKey });
  bystander = await cluster.connect();
});

afterAll(() => cluster.stop());

let words = 0;

/** A cluster does its work, and has heard nothing of strangers. */
async function expectUnaffected(attacked = cluster, client = bystander): Promise<void> {
  words += 1;
  client.send(`word ${words}`);
  expect(await client.next()).toBe(`word ${words}`);
  expect(client.messages).toEqual([]);
  expect(attacked.gateways.map(({ workerCount }) => workerCount)).toEqual([1, 1]);
}

/** What attackers know: how to reach the process, another one of its kind, and what a friend said to it. */
interface Target {
  readonly port: number;
  readonly otherPort: number;
  readonly session: Session;
}

/** Attacks a process; resolves with whoever was connected. */
type Attack = (target: Target) => Promise<Dialer>;

/** Says hello, and proves itself by what it makes of the challenge. */
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

/** Sends bytes, whatever comes back. */
function send(makeBytes: (target: Target) => readonly Uint8Array[]): Attack {
  return async (target) => {
    const dialer = await Dialer.open(target.port);
    for (const bytes of makeBytes(target)) dialer.peer.send(bytes);
    return dialer;
  };
}

const shout = (): Buffer => {
  const writer = new ByteWriter();
  writeSendToAll(writer, [], 'from a stranger');
  return Buffer.from(writer.buffer.subarray(0, writer.length));
};

/** 8 levels of lists, each of 10 references to the one below as msgpackr writes them, and one byte more. */
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
  'a proof of nothing': proveBy(() => Buffer.alloc(32)),
  'a proof of no bytes': proveBy(() => Buffer.alloc(0)),
  'the proof that the other side gave to a friend': proveBy(
    (_hello, _challenge, { session }) => session.welcome.proof,
  ),
  'more proofs than a process has keys': async ({ port }) => {
    const dialer = await Dialer.open(port);
    const hello = makeHello();
    const proof = prove(secretKey, 'dialer', hello, await dialer.greet(hello));
    const otherProofs = Array.from({ length: 8 }, () => randomBytes(32));
    dialer.peer.send(frameOf({ type: 'proof', proof, otherProofs }));
    return dialer;
  },
  'many proofs, all of them wrong': async ({ port }) => {
    const dialer = await Dialer.open(port);
    await dialer.greet(makeHello());
    const [proof = Buffer.alloc(0), ...otherProofs] = Array.from({ length: 8 }, () =>
      randomBytes(32),
    );
    dialer.peer.send(frameOf({ type: 'proof', proof, otherProofs }));
    return dialer;
  },
  'a proof that was made as the other side makes it': proveBy((hello, challenge) =>
    prove(secretKey, 'acceptor', hello, challenge),
  ),
  'the proof of a friend': proveBy((_hello, _challenge, { session }) => session.proof),
  'the proof of a worker, by one that says it is a client': proveBy(
    (hello, challenge) =>
      prove(secretKey, 'dialer', { ...hello, role: DialerRole.Worker }, challenge),
    DialerRole.Client,
  ),
  'a proof that was meant for the other kind of acceptor': proveBy((hello, challenge) => {
    const { Gateway, Register } = AcceptorRole;
    const role = challenge.role === Gateway ? Register : Gateway;
    return prove(secretKey, 'dialer', hello, { ...challenge, role });
  }),
  'the hello of a friend again, and its proof': async ({ port, session }) => {
    const dialer = await Dialer.open(port);
    await dialer.greet(session.hello);
    dialer.peer.send(frameOf({ type: 'proof', proof: session.proof }));
    return dialer;
  },
  'the session of a friend again': send(({ session }) => [session.sent]),
  'the link of a friend, gone on with': async ({ port, session }) => {
    const dialer = await Dialer.open(port);
    const { instanceId } = session.hello;
    const resume = { linkId: session.linkId ?? '', received: 0 };
    await dialer.greet(makeHello({ instanceId, resume }));
    dialer.peer.send(frameOf({ type: 'proof', proof: session.proof }));
    return dialer;
  },
  'the challenge, sent back': async ({ port }) => {
    const dialer = await Dialer.open(port);
    const challenge = await dialer.greet(makeHello());
    dialer.peer.send(frameOf(challenge));
    return dialer;
  },
  'a hello and then another': send(() => [frameOf(makeHello()), frameOf(makeHello())]),
  'a command behind the hello': send(() => [frameOf(makeHello()), shout()]),
  'a command at once': send(() => [shout()]),
  'a hello that is too long': send(() => [frameOf(makeHello({ name: 'x'.repeat(5000) }))]),
  'a hello said to be of four gigabytes': send(() => [Buffer.from('ffffffff01', 'hex')]),
  'a hello without a nonce': send(() => [frameOf(makeHello({ nonce: Buffer.alloc(0) }))]),
  'a graph of references that would take seconds to follow': async ({ port }) => {
    const dialer = await Dialer.open(port);
    const before = process.cpuUsage();
    dialer.peer.send(referenceGraph);
    await dialer.peer.ended;
    // Its own process is this one: whatever it computes counts here.
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

/** Why those are refused that do not come so far as to be asked for the key. */
const otherReasons: Readonly<Record<string, RegExp>> = {
  'more proofs than a process has keys': /^the peer has sent 9 proofs; allowed: 1 to 8$/,
  'the challenge, sent back': /^received challenge instead of proof$/,
  'a hello and then another': /^received hello instead of proof$/,
  'a command behind the hello': /^received command \d+ instead of proof$/,
  'a command at once': /^received command \d+ instead of hello$/,
  'a hello that is too long': /^a frame of 5\d\d\d bytes exceeds the limit of 4096$/,
  'a hello said to be of four gigabytes': /^a frame of 4294967295 bytes exceeds the limit of 4096$/,
  'a graph of references that would take seconds to follow':
    /^a body is not msgpack: extension 105 of 4 bytes is not supported$/,
  'a hello without a nonce': /^the nonce has 0 bytes; allowed: 32$/,
};

/** Strangers that make the same attack at the same time. */
const CROWD = 30;

/** Attacks that a crowd makes too: how often all others are told of is the same. */
const crowded: readonly string[] = [
  'no key',
  'a wrong key',
  'the hello of a friend again, and its proof',
  'the session of a friend again',
  'the proof of a worker, by one that says it is a client',
];

/** Those that are refused when their time is over. */
const slowAttacks: readonly Attack[] = [
  send(() => [frameOf(makeHello()).subarray(0, 40)]),
  send(() => [frameOf(makeHello())]),
  send(() => []),
];

describe.each(['register', 'gateway'] as const)('a %s refuses', (kind) => {
  async function makeTarget(attacked = cluster): Promise<Target> {
    const [gateway, other] = attacked.gateways;
    const ports = [gateway?.innerPort ?? 0, other?.innerPort ?? 0] as const;
    const port = kind === 'register' ? attacked.register.port : ports[0];
    return { port, otherPort: ports[1], session: await recordSession(port, secretKey) };
  }

  test.each(Object.entries(attacks))('%s, and says so', async (name, attack) => {
    // A cluster of its own, where nobody was refused before: so it is told of at once.
    const attacked = await roles({ events: echo, gateways: 2, secretKey });
    const client = await attacked.connect();
    const target = await makeTarget(attacked);
    const refused = new RefusalWatch(attacked.log);
    const dialer = await attack(target);
    await dialer.peer.ended;
    expect(dialer.isWelcome).toBe(false);
    await expectUnaffected(attacked, client);
    await refused.expect(1, otherReasons[name] ?? unproven);
  });

  test.each(crowded)('%s of a crowd, and says so once a second', async (name) => {
    const attack = attacks[name];
    if (attack === undefined) throw new Error(`there is no attack "${name}"`);
    const target = await makeTarget();
    const refused = new RefusalWatch(cluster.log);
    const dialers = await Promise.all(Array.from({ length: CROWD }, () => attack(target)));
    await Promise.all(dialers.map(({ peer }) => peer.ended));
    expect(dialers.some(({ isWelcome }) => isWelcome)).toBe(false);
    await expectUnaffected();
    await refused.expect(CROWD, unproven);
  });

  test('the session of a friend of another process', async () => {
    const { session, otherPort } = await makeTarget();
    const refused = new RefusalWatch(cluster.log);
    const dialer = await Dialer.open(otherPort);
    dialer.peer.send(session.sent);
    await dialer.peer.ended;
    expect(dialer.isWelcome).toBe(false);
    await expectUnaffected();
    await refused.expect(1, unproven);
  });

  test('who does not come to the end of its hello, gives no proof, or says nothing', async () => {
    const target = await makeTarget();
    const refused = new RefusalWatch(cluster.log);
    const dialers = await Promise.all(slowAttacks.map((attack) => attack(target)));
    await expectUnaffected();
    await Promise.all(dialers.map(({ peer }) => peer.ended));
    await refused.expect(slowAttacks.length, /^the peer took too long$/);
    expect(dialers.map(({ isWelcome }) => isWelcome)).toEqual([false, false, false]);
  });

  test('ten thousand in a row, with a line a second that counts them, while friends link and clients are served', {
    timeout: 300_000,
  }, async () => {
    // A cluster of its own, where nobody was refused before.
    const flooded = await roles({ events: echo, secretKey });
    const inner = flooded.gateways[0]?.innerPort ?? 0;
    const port = kind === 'register' ? flooded.register.port : inner;
    const refused = new RefusalWatch(flooded.log);
    await flood(flooded, { attempts: 10_000, atATime: 64 }, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined).resume();
      socket.write(wrongProof);
      await new Promise((resolve) => socket.once('close', resolve));
    });
    await refused.expect(10_000, unproven);
  });

  test('no friend, however many strangers are silent', async () => {
    const { port } = await makeTarget();
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
    // Long before their time is over the first make way.
    await eventually(() => cutOff >= 1400 - 1024);
    const session = await recordSession(port, secretKey);
    expect(session.proof).toHaveLength(32);
    await expectUnaffected();
    for (const socket of strangers) socket.destroy();
    await refused.expect(1400, /^the peer closed the link$|^read ECONNRESET$/);
  });
});

/** A gateway that only strangers tell of. */
const falseGateway = {
  address: '127.0.0.1:1',
  instanceId: 'false',
  gatewayToken: 7,
  name: 'false',
};

/** What strangers answer to a hello, and then to a proof, who listen where a register should. */
interface FalseAnswer {
  readonly toHello: (socket: Socket, hello: Message<'hello'>, session: Session) => void;
  readonly toProof?: (said: Said, session: Session) => Uint8Array;
}

/** What a stranger knows when it has been given a proof. */
interface Said {
  readonly hello: Message<'hello'>;
  readonly challenge: Message<'challenge'>;
  readonly proof: Uint8Array;
}

/** Challenges as a register does; who has no key can do that. */
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
  'a proof of nothing': { toHello: challengeIt, toProof: () => Buffer.alloc(32) },
  'the proof that it was given, sent back': { toHello: challengeIt, toProof: ({ proof }) => proof },
  'a proof that was made as a dialer makes it': {
    toHello: challengeIt,
    toProof: ({ hello, challenge }) => prove(secretKey, 'dialer', hello, challenge),
  },
  'a proof that was made by a gateway': {
    toHello: challengeIt,
    toProof: ({ hello, challenge }) =>
      prove(secretKey, 'acceptor', hello, { ...challenge, role: AcceptorRole.Gateway }),
  },
  'the challenge of a friend and its proof': {
    toHello: (socket, _hello, { challenge }) => void socket.write(frameOf(challenge)),
    toProof: (_said, { welcome }) => welcome.proof,
  },
  'the hello, sent back': { toHello: (socket, hello) => void socket.write(frameOf(hello)) },
  'a welcome at once': {
    toHello: (socket, _hello, { welcome }) => {
      socket.write(frameOf(welcome));
      socket.write(frameOf({ type: 'gatewayList', gateways: [falseGateway] }));
    },
  },
  'a frame of four gigabytes': {
    toHello: (socket) => void socket.write(Buffer.from('ffffffff02', 'hex')),
  },
  'a gateway that is passed off as the register': {
    toHello: (socket, hello) => {
      const real = connect(cluster.gateways[0]?.innerPort ?? 0, '127.0.0.1');
      real.on('error', () => undefined);
      real.write(frameOf(hello));
      real.pipe(socket).pipe(real);
    },
  },
};

test.each(Object.entries(falseAnswers))(
  'a worker takes nothing from a false register that answers with %s, and does its work by the true one',
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
    // It is refused, and dialed again.
    await eventually(() => register.peers.length >= 2);
    await register.peers[0]?.ended;
    for (const { received } of register.peers) {
      // A proof is all that it hears behind the hello, and that only when it asks as a register does.
      const [, ...heard] = messagesOf(received).filter(({ type }) => type !== 'refusal');
      expect(toProof === undefined ? [] : ['proof']).toEqual(
        expect.arrayContaining(heard.map(({ type }) => type)),
      );
    }
    // Nobody has dialed the gateway that it tells of.
    expect(worker.status().notReadyReasons).toEqual([]);
    expect(
      log.lines.filter(({ msg }) => msg === 'inner link not connected, retrying'),
    ).toHaveLength(1);
  },
);

test.each(['register', 'gateway'] as const)(
  'a %s proves nothing to who has not proved itself',
  async (kind) => {
    const [gateway] = cluster.gateways;
    const port = kind === 'register' ? cluster.register.port : (gateway?.innerPort ?? 0);
    const dialer = await Dialer.open(port);
    const hello = makeHello();
    const challenge = await dialer.greet(hello);
    dialer.peer.send(frameOf({ type: 'proof', proof: Buffer.alloc(32) }));
    await dialer.peer.ended;
    // Nothing that it said was made with the key, so that nobody can try keys on it.
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
