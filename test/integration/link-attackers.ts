import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import {
  ByteWriter,
  type Challenge,
  DialerRole,
  FrameDecoder,
  type Hello,
  type Message,
  PROTOCOL_VERSION,
  readMessage,
  writeMessage,
} from '@gatewayworker/protocol';
import { eventually, openTcpPeer, TcpPeer } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';

/** Bytes of a message. */
export function frameOf(message: Message): Buffer {
  const writer = new ByteWriter();
  writeMessage(writer, message);
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}

/** What came over a socket, as messages; stops at what is none. */
export function messagesOf(bytes: Buffer): Message[] {
  const messages: Message[] = [];
  const decoder = new FrameDecoder((command, buffer, start, end) => {
    const message = readMessage(command, buffer, start, end);
    if (message !== undefined) messages.push(message);
    return true;
  });
  try {
    decoder.push(bytes);
  } catch {
    // The rest is no message.
  }
  return messages;
}

/** A hello of somebody who has just started. */
export function makeHello(change: Partial<Hello> = {}): Hello {
  return {
    type: 'hello',
    version: PROTOCOL_VERSION,
    role: DialerRole.Worker,
    instanceId: randomBytes(8).toString('hex'),
    name: 'raw',
    id: 0,
    nonce: randomBytes(32),
    ...change,
  };
}

/** A proof, made by the words of docs/protocol.md alone. */
export function prove(
  key: string,
  prover: 'dialer' | 'acceptor',
  hello: Hello,
  challenge: Pick<Challenge, 'version' | 'role' | 'instanceId' | 'nonce'>,
): Buffer {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const signed = [
    ...['gatewayworker', prover],
    ...[hello.version, hello.role, hello.instanceId, hello.name, hello.id, hex(hello.nonce)],
    ...[challenge.version, challenge.role, challenge.instanceId, hex(challenge.nonce)],
  ];
  return createHmac('sha256', key).update(JSON.stringify(signed)).digest();
}

/** Somebody who dials by hand. */
export class Dialer {
  readonly peer: TcpPeer;

  private constructor(peer: TcpPeer) {
    this.peer = peer;
  }

  static async open(port: number): Promise<Dialer> {
    const peer = await openTcpPeer(port);
    onTestFinished(() => peer.destroy());
    return new Dialer(peer);
  }

  /** Says hello and waits for the challenge. */
  async greet(hello: Hello): Promise<Challenge> {
    this.peer.send(frameOf(hello));
    return await eventually(() =>
      messagesOf(this.peer.received).find((message) => message.type === 'challenge'),
    );
  }

  /** True when the other side has let it in. */
  get isWelcome(): boolean {
    return messagesOf(this.peer.received).some(({ type }) => type === 'welcome');
  }
}

/** What somebody who has the key said and heard. */
export interface Session {
  readonly hello: Hello;
  readonly challenge: Challenge;
  readonly proof: Buffer;
  /** Everything that it sent. */
  readonly sent: Buffer;
  readonly linkId: string | undefined;
}

/** Links as one does who has the key, and keeps every byte. */
export async function recordSession(port: number, key: string): Promise<Session> {
  const dialer = await Dialer.open(port);
  const hello = makeHello();
  const challenge = await dialer.greet(hello);
  const proof = prove(key, 'dialer', hello, challenge);
  const proofFrame = frameOf({ type: 'proof', proof });
  dialer.peer.send(proofFrame);
  const welcome = await eventually(() =>
    messagesOf(dialer.peer.received).find((message) => message.type === 'welcome'),
  );
  const sent = Buffer.concat([frameOf(hello), proofFrame]);
  return { hello, challenge, proof, sent, linkId: welcome.linkId };
}

/** Somebody who listens where a register or a gateway should, and what came. */
export interface FakeAcceptor {
  readonly port: number;
  readonly peers: readonly TcpPeer[];
}

/** Listens on a loopback port; the answer is told of each connection once its first bytes are there. */
export async function listenFalsely(
  answer: (socket: Socket, first: Buffer) => void,
): Promise<FakeAcceptor> {
  const peers: TcpPeer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    peers.push(new TcpPeer(socket));
    socket.once('data', (first) => answer(socket, Buffer.from(first)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, peers };
}
