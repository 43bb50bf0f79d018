import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import {
  ByteWriter,
  DialerRole,
  FrameDecoder,
  type Message,
  PROTOCOL_VERSION,
  readMessage,
  writeMessage,
} from '@gatewayworker/protocol';
import { eventually, type LogLine, openTcpPeer, type Roles, TcpPeer } from '@gatewayworker/testing';
import { expect, onTestFinished } from 'vitest';

/** Bytes of a message. */
export function frameOf(message: Message): Buffer {
  const writer = new ByteWriter();
  writeMessage(writer, message);
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}

/** The messages in received bytes, up to the first that is malformed. */
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
    // The rest is malformed.
  }
  return messages;
}

/** A hello of a new process. */
export function makeHello(change: Partial<Message<'hello'>> = {}): Message<'hello'> {
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

/** A proof, made as docs/protocol.md describes it, without the code under test. */
export function prove(
  key: string,
  prover: 'dialer' | 'acceptor',
  hello: Message<'hello'>,
  challenge: Pick<Message<'challenge'>, 'version' | 'role' | 'instanceId' | 'nonce'>,
): Buffer {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const signed = [
    ...['gatewayworker', prover],
    ...[hello.version, hello.role, hello.instanceId, hello.name, hello.id, hex(hello.nonce)],
    ...[challenge.version, challenge.role, challenge.instanceId, hex(challenge.nonce)],
  ];
  return createHmac('sha256', key).update(JSON.stringify(signed)).digest();
}

/** A dialer whose frames the test writes. */
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

  /** Sends a hello and waits for the challenge. */
  async greet(hello: Message<'hello'>): Promise<Message<'challenge'>> {
    this.peer.send(frameOf(hello));
    return await eventually(() =>
      messagesOf(this.peer.received).find((message) => message.type === 'challenge'),
    );
  }

  /** True once the acceptor has sent a welcome. */
  get isWelcome(): boolean {
    return messagesOf(this.peer.received).some(({ type }) => type === 'welcome');
  }
}

/** The recorded handshake of a dialer with the key. */
export interface Session {
  readonly hello: Message<'hello'>;
  readonly challenge: Message<'challenge'>;
  readonly proof: Buffer;
  readonly welcome: Message<'welcome'>;
  /** All bytes that it sent. */
  readonly sent: Buffer;
  readonly linkId: string | undefined;
}

/** Links with the key, and records the handshake. */
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
  return { hello, challenge, proof, welcome, sent, linkId: welcome.linkId };
}

/** A listener in the place of a register or gateway, and its connections. */
export interface FakeAcceptor {
  readonly port: number;
  readonly peers: readonly TcpPeer[];
}

/** Listens on a loopback port; calls `answer` with the first bytes of each connection. */
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

/** The refusals in a log since its creation. */
export class RefusalWatch {
  readonly #lines: readonly LogLine[];
  readonly #from: number;
  readonly #startedAt = Date.now();

  constructor(lines: readonly LogLine[]) {
    this.#lines = lines;
    this.#from = lines.length;
  }

  /**
   * Waits until a number of refusals is logged, by lines or in their counts. Checks that all have this reason, and
   * that there was at most one line a second.
   *
   * @param listeners - number of processes that refused; each may log a line a second
   */
  async expect(count: number, reason: RegExp, listeners = 1): Promise<void> {
    const refusals = (): LogLine[] =>
      this.#lines.slice(this.#from).filter(({ msg }) => msg === 'inner link refused');
    await eventually(() => {
      const told = refusals().map(({ leftOut }) => 1 + Number(leftOut ?? 0));
      expect(told.reduce((sum, part) => sum + part, 0)).toBe(count);
      return true;
    });
    // The log uses another clock than this test.
    const seconds = (Date.now() - this.#startedAt + 50) / 1000;
    expect(refusals().length).toBeLessThanOrEqual(listeners * (seconds + 1));
    for (const line of refusals()) {
      expect(line['reason']).toMatch(reason);
      expect(line['peer']).toMatch(/:[1-9]\d*$/);
    }
  }
}

/** The frames of a dialer without the key. */
export const wrongProof: Buffer = Buffer.concat([
  frameOf(makeHello()),
  frameOf({ type: 'proof', proof: Buffer.alloc(32) }),
]);

/** Parts of a flood; the cluster must serve clients in each. */
const PARTS = 10;

/** Echoes in flight. */
const WINDOW = 4;

/**
 * Makes attempts to link, some at a time, on a cluster that echoes. Throughout, a client is served and links are
 * made: the client must get every answer in order, some in each tenth of the attempts, and no link may be lost.
 */
export async function flood(
  cluster: Roles,
  { attempts, atATime }: { readonly attempts: number; readonly atATime: number },
  attempt: () => Promise<void>,
): Promise<void> {
  const client = await cluster.connect();
  const from = cluster.log.length;
  let started = 0;
  let ended = 0;
  let served = 0;
  /** Answered echoes at the end of each part. */
  const servedBy: number[] = [];
  const attackOn = async (): Promise<void> => {
    while (started < attempts) {
      started += 1;
      await attempt();
      ended += 1;
      if (ended % (attempts / PARTS) === 0) servedBy.push(served);
    }
  };
  const attacking = Promise.all(Array.from({ length: atATime }, attackOn));
  const isOn = (): boolean => ended < attempts;
  const serve = async (): Promise<void> => {
    let said = 0;
    while (isOn() || served < said) {
      for (; isOn() && said < served + WINDOW; said += 1) client.send(String(said));
      expect(await client.next()).toBe(String(served));
      served += 1;
    }
  };
  let linked = 0;
  const linkDialers = async (): Promise<void> => {
    await cluster.startWorker();
    if (isOn()) linked += 1;
    while (isOn()) {
      const api = await cluster.gatewayClient();
      // A gateway that could not be linked is dialed again.
      expect(await eventually(() => api.getAllClientIdCount())).toBe(1);
      await api.close();
      if (isOn()) linked += 1;
    }
  };
  await Promise.all([attacking, serve(), linkDialers()]);
  expect(servedBy).toHaveLength(PARTS);
  const servedIn = servedBy.map((count, part) => count - (servedBy[part - 1] ?? 0));
  expect(Math.min(...servedIn), `served in each part: ${servedIn.join()}`).toBeGreaterThan(WINDOW);
  expect(linked).toBeGreaterThan(2);
  expect(client.messages).toEqual([]);
  const isOfALink = ({ msg }: LogLine): boolean => /^inner link (?!refused)/.test(String(msg));
  expect(cluster.log.slice(from).filter(isOfALink)).toEqual([]);
  expect(cluster.gateways.map(({ workerCount }) => workerCount)).toEqual([2]);
}
