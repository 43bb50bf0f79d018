import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { eventually, makeCertificate, type Roles } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';
import { goodHandshake, Opcode, openRaw, frame as websocketFrame } from './websocket-frames.ts';

const hour = 3_600_000;

const echo = {
  onMessage: (
    _id: string,
    message: string | Buffer,
    ctx: { send(data: string | Buffer): boolean },
  ) => void ctx.send(message),
};

/** A client that does not close after the other side has, and shows whether it can still send. */
class Clinger {
  readonly #socket: Socket;
  received = '';
  isCutOff = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    onTestFinished(() => void socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
    });
    socket.on('error', () => {
      this.isCutOff = true;
    });
    socket.on('close', () => {
      this.isCutOff = true;
    });
  }

  send(bytes: string | Uint8Array): void {
    if (!this.isCutOff) this.#socket.write(bytes);
  }

  /** Waits until the other side reads no more. */
  async cutOff(): Promise<void> {
    await eventually(() => {
      this.send('x');
      return this.isCutOff;
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

async function cling(port: number, localAddress = '127.0.0.1'): Promise<Clinger> {
  const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
  const clinger = new Clinger(socket);
  await once(socket, 'connect');
  return clinger;
}

function portOf(cluster: Roles): number {
  return cluster.gateways[0]?.port ?? 0;
}

const halfHandshake = 'GET / HTTP/1.1\r\nHost: ';

test.each([
  [
    'a wrong origin',
    goodHandshake.replace('\r\n\r\n', '\r\nOrigin: https://x.example\r\n\r\n'),
    403,
  ],
  ['no Host', goodHandshake.replace('Host', 'X-Host'), 400],
  ['an empty Host', goodHandshake.replace(/Host: .*/, 'Host:'), 400],
  ['two Hosts', goodHandshake.replace('\r\n\r\n', '\r\nHost: x\r\n\r\n'), 400],
  ['no key', goodHandshake.replace('Sec-WebSocket-Key', 'X-Key'), 400],
  ['another version', goodHandshake.replace(': 13', ': 12'), 426],
  ['plain HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', 426],
  ['a body that never comes', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n', 426],
  ['no HTTP', '\0\x01\x02\r\n\r\n', 400],
  ['a huge header', `GET / HTTP/1.1\r\nHost: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
  ['half a handshake', halfHandshake, 408],
])('who is refused for %s is cut off, though it does not close', async (_name, bytes, status) => {
  const cluster = await roles({
    events: echo,
    gatewayOptions: { allowedOrigins: ['https://example.com'], handshakeTimeoutMs: 500 },
  });
  const clinger = await cling(portOf(cluster));
  clinger.send(bytes);
  await eventually(() => clinger.received.startsWith(`HTTP/1.1 ${status} `) || clinger.isCutOff);
  await clinger.cutOff();
});

test('refusal over TLS: cut off, as is a client that does not speak TLS', async () => {
  const certificate = await makeCertificate();
  const cluster = await roles({
    events: echo,
    gatewayOptions: { tls: certificate, allowedOrigins: ['https://example.com'] },
  });
  const raw = await cling(portOf(cluster));
  raw.send(goodHandshake);
  await raw.cutOff();
  const transport = connect({ port: portOf(cluster), host: '127.0.0.1', allowHalfOpen: true });
  const options = { ca: certificate.cert, servername: 'localhost', allowHalfOpen: true };
  const socket = connectTls({ socket: transport, ...options });
  const clinger = new Clinger(socket);
  await once(socket, 'secureConnect');
  clinger.send(goodHandshake);
  await eventually(() => clinger.received.startsWith('HTTP/1.1 403 '));
  await clinger.cutOff();
});

test('refusal by onHandshake: cut off even if the client does not close', async () => {
  const cluster = await roles({ events: { onHandshake: () => ({ accept: false }) } });
  const clinger = await cling(portOf(cluster));
  clinger.send(goodHandshake);
  await eventually(() => clinger.received.startsWith('HTTP/1.1 403 '));
  await clinger.cutOff();
});

test('handshake: completed after its deadline, ignored', async () => {
  let asked = 0;
  const cluster = await roles({
    events: {
      onHandshake: () => {
        asked += 1;
        return { accept: true };
      },
    },
    gatewayOptions: { handshakeTimeoutMs: 200 },
  });
  const clinger = await cling(portOf(cluster));
  clinger.send(goodHandshake.slice(0, -2));
  await eventually(() => clinger.received.startsWith('HTTP/1.1 408 '));
  clinger.send('\r\n');
  await clinger.cutOff();
  expect(asked).toBe(0);
});

test.each(['text', 'frame', 'tcp'])('refusal at a %s port: cut off', async (scheme) => {
  const cluster = await roles({
    events: echo,
    workers: 0,
    gatewayOptions: { listen: `${scheme}://127.0.0.1:0` },
  });
  const clinger = await cling(portOf(cluster));
  await clinger.cutOff();
});

test('half handshakes: count for their address, keep no other address out', async () => {
  const cluster = await roles({
    events: echo,
    gatewayOptions: { maxConnectionsPerIp: 2, handshakeTimeoutMs: hour },
  });
  const port = portOf(cluster);
  const clingers: Clinger[] = [];
  for (let index = 0; index < 30; index += 1) {
    const clinger = await cling(port);
    clinger.send(halfHandshake);
    clingers.push(clinger);
  }
  const limits = () => cluster.gateways[0]?.status().limits;
  await eventually(() => limits()?.['connectionsPerIp'] === 28);
  const [first, second, ...others] = clingers;
  await Promise.all(others.map((clinger) => clinger.cutOff()));
  expect([first?.isCutOff, second?.isCutOff]).toEqual([false, false]);
  expect(await cluster.refusedHandshake()).toMatchObject({ status: 429 });
  // A stranger is admitted, and the next client of that address once one has left.
  const stranger = await cling(port, '127.0.0.2');
  stranger.send(goodHandshake);
  await eventually(() => stranger.received.startsWith('HTTP/1.1 101 '));
  second?.destroy();
  await eventually(() =>
    cluster.connect().then(
      () => true,
      () => false,
    ),
  );
  expect(limits()?.['handshakeTimeout']).toBe(0);
});

test('maxConnectionsPerIp: only eight of many get a 429 at a time', async () => {
  const cluster = await roles({
    events: echo,
    gatewayOptions: { maxConnectionsPerIp: 1, handshakeTimeoutMs: hour },
  });
  const one = await cling(portOf(cluster));
  const others = await Promise.all(Array.from({ length: 40 }, () => cling(portOf(cluster))));
  for (const other of others) other.send(goodHandshake);
  await Promise.all(others.map((other) => other.cutOff()));
  const told = others.filter(({ received }) => received.startsWith('HTTP/1.1 429 '));
  // Eight at a time; a slow machine may answer a second and a third eight.
  expect(told.length).toBeLessThan(others.length);
  expect(one.isCutOff).toBe(false);
});

test('maxConnectionsPerIp: the address of the PROXY header counts, before TLS', async () => {
  const cluster = await roles({
    events: echo,
    gatewayOptions: {
      listen: 'text://127.0.0.1:0',
      tls: await makeCertificate(),
      trustProxy: ['127.0.0.1'],
      proxyProtocol: true,
      maxConnectionsPerIp: 1,
      handshakeTimeoutMs: hour,
    },
  });
  const from = async (address: string): Promise<Clinger> => {
    const clinger = await cling(portOf(cluster));
    clinger.send(`PROXY TCP4 ${address} 127.0.0.1 40000 80\r\n`);
    return clinger;
  };
  const first = await from('9.9.9.1');
  const second = await from('9.9.9.1');
  await second.cutOff();
  const other = await from('9.9.9.2');
  expect(cluster.gateways[0]?.status().limits['connectionsPerIp']).toBe(1);
  expect([first.isCutOff, other.isCutOff]).toEqual([false, false]);
});

test('gateway stop: ends connections in their handshake', async () => {
  const cluster = await roles({ events: echo, gatewayOptions: { handshakeTimeoutMs: hour } });
  const clinger = await cling(portOf(cluster));
  clinger.send(halfHandshake);
  const client = await openRaw(portOf(cluster));
  await client.send(websocketFrame(Opcode.Text, 'x'));
  await client.expect(['text x']);
  await cluster.gateways[0]?.stop();
  await clinger.cutOff();
});
