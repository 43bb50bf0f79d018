import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { DialerRole, parseClientId } from '@gatewayworker/protocol';
import { eventually, openTcpPeer, type TcpPeer } from '@gatewayworker/testing';
import fc from 'fast-check';
import { frame, goodHandshake, Opcode } from '../integration/websocket-frames.ts';
import {
  type Bytes,
  lengthFrames,
  lines,
  mutated,
  noise,
  proxyHeaders,
  websocketFrames,
  websocketHandshakes,
} from './bytes.ts';
import {
  acceptorHandshakes,
  addressedTo,
  announcement,
  dialerHandshakes,
  framesOfGateway,
  framesOfRegister,
  framesToGateway,
  framesToRegister,
  hostileCommands,
  workerReady,
} from './frames.ts';
import {
  type FakeAcceptor,
  openFakeAcceptor,
  openFakeListener,
  openProvedLink,
  type Sending,
  throwBytes,
} from './peers.ts';
import type { TargetPorts, TargetProcess } from './target-process.ts';

/** An entry point for bytes of strangers or of broken peers. */
export interface Surface {
  readonly name: string;
  readonly input: Bytes;
  /** Sends the bytes, and resolves when the process under test has closed what they came by. */
  readonly throwOne: (bytes: Buffer, target: TargetProcess, how: Sending) => Promise<void>;
}

/** Bytes that come straight to a port. */
function door(
  name: string,
  port: (ports: TargetPorts) => number,
  input: Bytes,
  opening?: string,
): Surface {
  return {
    name,
    input,
    throwOne: (bytes, target, how) =>
      throwBytes(port(target.ports), bytes, opening === undefined ? how : { ...how, opening }),
  };
}

/** What a client of TLS says first. */
async function clientHello(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const client = connectTls({ port, host: '127.0.0.1', servername: 'localhost' });
  client.on('error', () => undefined);
  const [socket] = await once(server, 'connection');
  const [hello] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

/** A client that a broken peer may do to as it likes. */
async function openVictim(port: number): Promise<TcpPeer> {
  const victim = await openTcpPeer(port);
  victim.send(Buffer.concat([Buffer.from(goodHandshake), frame(Opcode.Text, 'x')]));
  return victim;
}

/** Frames of a peer that holds the key, about clients of the gateway that it is linked to. */
function framesTo(name: string, role: DialerRole, input: Bytes): Surface {
  return {
    name,
    input,
    throwOne: async (bytes, target) => {
      const { peer, inner } = target.ports;
      const victim = await openVictim(peer);
      await eventually(() => victim.received.length > 0, { intervalMs: 1 });
      const link = await openProvedLink(inner, role);
      if (role === DialerRole.Worker) link.send(workerReady);
      const ids = await target.ask<string[]>({ kind: 'clients' }).catch((): string[] => []);
      const addresses = ids.map(parseClientId).filter((one) => one !== undefined);
      // The newest client of that gateway is most likely the victim: ids are numbered.
      const address = addresses.at(-1);
      link.send(address === undefined ? bytes : addressedTo(address, bytes));
      await link.close();
      victim.destroy();
    },
  };
}

function framesToRegisterOf(role: DialerRole): Surface {
  return {
    name: `register-frames-of-${role}`,
    input: framesToRegister,
    throwOne: async (bytes, target) => {
      const link = await openProvedLink(target.ports.register, role);
      link.send(bytes);
      await link.close();
    },
  };
}

/** A process that talks nonsense to each process that dials it. */
function fakePeer(fake: {
  readonly name: string;
  /** Listens, and sends the bytes to each process that dials. */
  readonly open: (bytes: Buffer) => Promise<FakeAcceptor>;
  readonly input: Bytes;
  /** Has processes of the target dial it; closes it. */
  readonly meet: (peer: FakeAcceptor, target: TargetProcess) => Promise<void>;
}): Surface {
  const { name, open, input, meet } = fake;
  return { name, input, throwOne: async (bytes, target) => meet(await open(bytes), target) };
}

/** The worker and the client of the Gateway API dial it. */
async function meetGateway(gateway: FakeAcceptor, target: TargetProcess): Promise<void> {
  const announcer = await openProvedLink(target.ports.register, DialerRole.Gateway);
  announcer.send(announcement(gateway.address));
  const answered = target.ask({ kind: 'clients' }).catch(() => undefined);
  await eventually(() => gateway.served >= 2, { intervalMs: 1, timeoutMs: 30_000 });
  await announcer.close();
  await Promise.all([gateway.close(), answered]);
}

/** How `connect` to a register may end: that may also refuse the key, or speak another version. */
const connectOutcomes: ReadonlySet<string> = new Set([
  'connected',
  'GW_ERR_CONNECT_TIMEOUT',
  'GW_ERR_AUTHENTICATION_FAILED',
  'GW_ERR_VERSION_MISMATCH',
]);

/** A client of the Gateway API dials it. */
async function meetRegister(register: FakeAcceptor, target: TargetProcess): Promise<void> {
  const outcome = await target.ask<string>({ kind: 'connect', address: register.address });
  await register.close();
  if (!connectOutcomes.has(outcome)) {
    throw new Error(`connecting to a broken register ended with ${outcome}`);
  }
}

/** Every surface. Each input is shorter than 64 KiB. */
export async function allSurfaces(): Promise<readonly Surface[]> {
  const hello = fc.constant(await clientHello());
  const helloAndNoise = fc.tuple(hello, noise).map((parts) => Buffer.concat(parts));
  const tlsBytes = fc.oneof(noise, hello, mutated(hello), mutated(helloAndNoise));
  const proxied = fc.tuple(proxyHeaders, websocketHandshakes).map((parts) => Buffer.concat(parts));
  const deflate = goodHandshake.replace(
    /\r\n$/,
    'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n',
  );
  const anyInner = fc.oneof(noise, dialerHandshakes);
  const anyAcceptor = fc.oneof(noise, acceptorHandshakes);
  return [
    door('websocket-handshake', (ports) => ports.websocket, websocketHandshakes),
    door('deflate-handshake', (ports) => ports.deflate, websocketHandshakes),
    door('websocket-frames', (ports) => ports.websocket, websocketFrames, goodHandshake),
    door('deflate-frames', (ports) => ports.deflate, websocketFrames, deflate),
    door('proxy-header', (ports) => ports.proxy, proxied),
    door('tls-handshake', (ports) => ports.tls, tlsBytes),
    door('text', (ports) => ports.text, fc.oneof(lines, mutated(lines))),
    door('frame', (ports) => ports.frame, fc.oneof(lengthFrames, mutated(lengthFrames))),
    door('tcp', (ports) => ports.tcp, noise),
    door('inner-handshake', (ports) => ports.inner, anyInner),
    door('register-handshake', (ports) => ports.register, anyInner),
    framesTo('gateway-frames-of-worker', DialerRole.Worker, framesToGateway),
    framesTo('gateway-frames-of-client', DialerRole.Client, framesToGateway),
    framesTo('gateway-commands', DialerRole.Client, hostileCommands),
    ...Object.values(DialerRole).map(framesToRegisterOf),
    fakePeer({
      name: 'fake-gateway-handshake',
      open: openFakeListener,
      input: anyAcceptor,
      meet: meetGateway,
    }),
    fakePeer({
      name: 'fake-gateway-frames',
      open: (bytes) => openFakeAcceptor('gateway', bytes),
      input: framesOfGateway,
      meet: meetGateway,
    }),
    fakePeer({
      name: 'fake-register-handshake',
      open: openFakeListener,
      input: anyAcceptor,
      meet: meetRegister,
    }),
    fakePeer({
      name: 'fake-register-frames',
      open: (bytes) => openFakeAcceptor('register', bytes),
      input: framesOfRegister,
      meet: meetRegister,
    }),
  ];
}
