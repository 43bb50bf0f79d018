import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { DialerRole } from '@gatewayworker/protocol';
import { makeCertificate } from '@gatewayworker/testing';
import fc from 'fast-check';
import { onTestFinished, test } from 'vitest';
import {
  dialerHandshakes,
  framesToRegister,
  lengthFrames,
  lines,
  mutated,
  noise,
  proxyHeaders,
  websocketFrames,
  websocketHandshakes,
} from './fuzz-bytes.ts';
import { fuzz, fuzzedRoles, leaving, openProvedLink, type Speech, throwBytes } from './fuzzing.ts';
import { frame, goodHandshake, Opcode } from './websocket-frames.ts';

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

test('wss: broken bytes before and within TLS leave nothing behind', async () => {
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
