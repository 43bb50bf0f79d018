import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { EventHandler } from '@gatewayworker/business-worker';
import { GatewayClient } from '@gatewayworker/client';
import { DialerRole, parseClientId } from '@gatewayworker/protocol';
import {
  captureLogger,
  eventually,
  makeCertificate,
  openTcpPeer,
  type TcpPeer,
} from '@gatewayworker/testing';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  lengthFrames,
  lines,
  mutated,
  noise,
  proxyHeaders,
  websocketFrames,
  websocketHandshakes,
} from './fuzz-bytes.ts';
import {
  acceptorHandshakes,
  addressedTo,
  announcement,
  dialerHandshakes,
  framesOfGateway,
  framesOfRegister,
  framesToGateway,
  framesToRegister,
  workerReady,
} from './fuzz-frames.ts';
import {
  type FakeAcceptor,
  leaving,
  openFakeAcceptor,
  openFakeListener,
  openProvedLink,
  throwBytes,
} from './fuzz-peers.ts';
import { FUZZ_RUNS, faultsIn, fuzz, fuzzedRoles, type Speech } from './fuzzing.ts';
import { usedBytes } from './used-bytes.ts';
import { frame, goodHandshake, Opcode } from './websocket-frames.ts';

// As long as a run may take at its slowest.
vi.setConfig({ testTimeout: 30_000 + 1000 * FUZZ_RUNS });

const websocket: Speech = {
  opening: goodHandshake,
  say: (text) => frame(Opcode.Text, text),
};

/** Time after which a client that has not said what it wants is closed, in milliseconds. */
const handshakeTimeoutMs = 500;

const packetBytes = fc.constantFrom(1, 7, 4096);

test.each<[string, fc.Arbitrary<Buffer>, Speech]>([
  ['text', lines, { say: (text) => Buffer.from(text) }],
  [
    'frame',
    lengthFrames,
    { say: (text) => Buffer.from(`\0\0\0${String.fromCharCode(text.length + 4)}${text}`) },
  ],
  ['tcp', noise, { say: (text) => Buffer.from(text) }],
])('%s: broken bytes of clients leave nothing behind', async (scheme, bytes, speech) => {
  const gatewayOptions = { listen: `${scheme}://127.0.0.1:0`, maxMessageBytes: 5000 };
  const { cluster, expectWell } = await fuzzedRoles({ gatewayOptions }, speech);
  const port = cluster.gateways[0]?.port ?? 0;
  const input = fc.record({ bytes: fc.oneof(bytes, mutated(bytes)), leave: leaving, packetBytes });
  await fuzz(input, ({ bytes, ...how }) => throwBytes(port, bytes, how), expectWell);
});

test.each([false, true])(
  'broken websocket handshakes leave nothing behind, with permessage-deflate: %s',
  async (perMessageDeflate) => {
    const gatewayOptions = { perMessageDeflate, handshakeTimeoutMs };
    const { cluster, expectWell } = await fuzzedRoles({ gatewayOptions }, websocket);
    const port = cluster.gateways[0]?.port ?? 0;
    const input = fc.record({ bytes: websocketHandshakes, leave: leaving, packetBytes });
    await fuzz(input, ({ bytes, ...how }) => throwBytes(port, bytes, how), expectWell);
  },
);

const deflate = 'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n';

test.each([
  ['without', goodHandshake],
  ['with', goodHandshake.replace(/\r\n$/, deflate)],
])(
  'broken frames of websockets %s permessage-deflate leave nothing behind',
  async (_name, opening) => {
    const gatewayOptions = { perMessageDeflate: true, maxMessageBytes: 5000 };
    const { cluster, expectWell } = await fuzzedRoles({ gatewayOptions }, websocket);
    const port = cluster.gateways[0]?.port ?? 0;
    const input = fc.record({ bytes: websocketFrames, leave: leaving, packetBytes });
    await fuzz(
      input,
      ({ bytes, ...how }) => throwBytes(port, bytes, { ...how, opening }),
      expectWell,
    );
  },
);

/** What a client of TLS says first. */
async function clientHello(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const client = connectTls({ port, host: '127.0.0.1', servername: 'localhost' });
  client.on('error', () => undefined);
  const [socket] = await once(server, 'connection');
  const [hello] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  return hello;
}

test('wss: broken bytes in place of a TLS handshake, or within it, leave nothing behind', async () => {
  const certificate = await makeCertificate();
  const gatewayOptions = { tls: certificate, handshakeTimeoutMs };
  const { cluster, expectWell } = await fuzzedRoles(
    { gatewayOptions },
    {
      ...websocket,
      open: async (port) => {
        const options = { port, host: '127.0.0.1', ca: certificate.cert, servername: 'localhost' };
        const socket = connectTls(options);
        await once(socket, 'secureConnect');
        return socket;
      },
    },
  );
  const port = cluster.gateways[0]?.port ?? 0;
  const hello = fc.constant(await clientHello());
  const both = fc.tuple(hello, noise).map((parts) => Buffer.concat(parts));
  const bytes = fc.oneof(noise, hello, mutated(hello), mutated(both), websocketHandshakes);
  const input = fc.record({ bytes, leave: leaving, packetBytes });
  await fuzz(input, ({ bytes, ...how }) => throwBytes(port, bytes, how), expectWell);
});

test('broken PROXY headers leave nothing behind', async () => {
  const proxy = 'PROXY TCP4 203.0.113.7 127.0.0.1 40000 80\r\n';
  const gatewayOptions = { trustProxy: true, proxyProtocol: true, handshakeTimeoutMs };
  const { cluster, expectWell } = await fuzzedRoles(
    { gatewayOptions },
    { ...websocket, opening: proxy + goodHandshake },
  );
  const port = cluster.gateways[0]?.port ?? 0;
  const bytes = fc.tuple(proxyHeaders, websocketHandshakes).map((parts) => Buffer.concat(parts));
  const input = fc.record({ bytes, leave: leaving, packetBytes });
  await fuzz(input, ({ bytes, ...how }) => throwBytes(port, bytes, how), expectWell);
});

test('broken handshakes at the inner ports and at the register leave nothing behind', async () => {
  const { cluster, expectWell } = await fuzzedRoles({}, websocket);
  const ports = [cluster.gateways[0]?.innerPort ?? 0, cluster.register.port];
  const port = fc.constantFrom(...ports);
  const bytes = fc.oneof(noise, dialerHandshakes);
  const input = fc.record({ port, bytes, leave: leaving, packetBytes });
  await fuzz(input, ({ port, bytes, ...how }) => throwBytes(port, bytes, how), expectWell);
});

test.each([DialerRole.Gateway, DialerRole.Worker, DialerRole.Client])(
  'a proved %s that sends broken frames to the register leaves nothing behind',
  async (role) => {
    const { cluster, expectWell } = await fuzzedRoles({}, websocket);
    const throwFrames = async (bytes: Buffer): Promise<void> => {
      const link = await openProvedLink(cluster.register.port, role);
      link.send(bytes);
      await link.close();
    };
    await fuzz(framesToRegister, throwFrames, expectWell);
  },
);

/** A client that a broken peer may do to as it likes. */
async function openVictim(port: number): Promise<TcpPeer> {
  const victim = await openTcpPeer(port);
  victim.send(Buffer.concat([Buffer.from(goodHandshake), frame(Opcode.Text, 'x')]));
  return victim;
}

test.each([DialerRole.Worker, DialerRole.Client])(
  'a proved %s that sends broken frames to a gateway leaves nothing behind',
  async (role) => {
    const gatewayOptions = { handshakeTimeoutMs };
    const options = { gateways: 2, gatewayOptions };
    const { cluster, api, expectWell } = await fuzzedRoles(options, websocket);
    const { port = 0, innerPort = 0 } = cluster.gateways[0] ?? {};
    const [bystander] = (await api.getAllClientIdList()).map(parseClientId);
    const throwFrames = async (bytes: Buffer): Promise<void> => {
      const first = await openVictim(port);
      await eventually(() => first.received.length > 0, { intervalMs: 1 });
      const addresses = (await api.getAllClientIdList()).map(parseClientId);
      const address = addresses.find((one) => one?.gatewayToken !== bystander?.gatewayToken);
      const link = await openProvedLink(innerPort, role);
      if (role === DialerRole.Worker) link.send(workerReady);
      // The gateway may ask the broken worker about this one, or give it to it.
      const second = await openVictim(port);
      await eventually(() => link.received + second.received.length > 0, { intervalMs: 1 });
      link.send(address === undefined ? bytes : addressedTo(address, bytes));
      await link.close();
      first.destroy();
      second.destroy();
    };
    // A peer that goes without taking leave is waited for.
    await fuzz(framesToGateway, throwFrames, expectWell, 50);
  },
);

/** A worker that looks at everything that a gateway tells it. */
const curious: EventHandler = {
  onHandshake: () => ({ accept: true }),
  onConnect: (_id, ctx) => void [ctx.request, ctx.session],
  onMessage: (_id, message, ctx) => {
    ctx.send(message);
    ctx.session = { ...ctx.session, said: 1 };
  },
  // What was broken when it came is an error of the callback that looks at it.
  onError: () => undefined,
};

test.each<[string, (bytes: Buffer) => Promise<FakeAcceptor>, fc.Arbitrary<Buffer>]>([
  ['has not proved itself', openFakeListener, fc.oneof(noise, acceptorHandshakes)],
  ['is proved', (bytes) => openFakeAcceptor('gateway', bytes), framesOfGateway],
])(
  'a gateway that %s and talks nonsense harms no worker and no client of the API',
  async (_name, open, bytes) => {
    const { cluster, api, expectWell } = await fuzzedRoles({ events: curious }, websocket);
    const throwFrames = async (said: Buffer): Promise<void> => {
      const fake = await open(said);
      const announcer = await openProvedLink(cluster.register.port, DialerRole.Gateway);
      announcer.send(announcement(fake.address));
      const answered = Promise.allSettled([api.getAllClientIdList()]);
      // The worker and the client of the API, at least once each.
      await eventually(() => fake.served >= 2, { intervalMs: 1 });
      await announcer.close();
      await Promise.all([fake.close(), answered]);
    };
    await fuzz(bytes, throwFrames, expectWell);
  },
);

test.each<[string, (bytes: Buffer) => Promise<FakeAcceptor>, fc.Arbitrary<Buffer>]>([
  ['has not proved itself', openFakeListener, fc.oneof(noise, acceptorHandshakes)],
  ['is proved', (bytes) => openFakeAcceptor('register', bytes), framesOfRegister],
])(
  'a register that %s and talks nonsense ends in an error at the most',
  async (_name, open, bytes) => {
    const { expectWell } = await fuzzedRoles({}, websocket);
    const { logger, lines } = captureLogger();
    const throwFrames = async (said: Buffer): Promise<void> => {
      const fake = await open(said);
      const options = { registerAddress: fake.address, connectTimeoutMs: 100 };
      const [outcome] = await Promise.allSettled([GatewayClient.connect(options, logger)]);
      if (outcome.status === 'fulfilled') await outcome.value.close();
      else expect(outcome.reason).toMatchObject({ code: 'GW_ERR_CONNECT_TIMEOUT' });
      await fake.close();
      expect(faultsIn(lines)).toEqual([]);
    };
    await fuzz(bytes, throwFrames, expectWell);
  },
);

test('what clients and peers leave unfinished is let go with them', async () => {
  const { cluster, expectWell } = await fuzzedRoles({}, websocket);
  const { port = 0, innerPort = 0 } = cluster.gateways[0] ?? {};
  const part = Buffer.alloc(100_000, 'x');
  // Messages of a megabyte of which a tenth comes.
  const message = frame(Opcode.Text, Buffer.alloc(1_000_000, 'x')).subarray(0, part.length);
  const inner = Buffer.concat([Buffer.of(0, 0x10, 0, 0, 0x42), part]);
  const throwParts = async (): Promise<void> => {
    const link = await openProvedLink(innerPort, DialerRole.Client);
    link.send(inner);
    const leave = { opening: goodHandshake, leave: 'end', packetBytes: part.length };
    await Promise.all([link.close(), throwBytes(port, message, leave)]);
  };
  const throwMany = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 10 }, throwParts));
    }
    await expectWell();
  };
  // What the first ones make the process load and compile stays.
  await throwMany();
  const before = usedBytes();
  await throwMany();
  // They have held four times this.
  await eventually(() => usedBytes() - before < 10_000_000);
});
