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

/** A proof, made by the words of docs/protocol.md alone. */
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
  async greet(hello: Message<'hello'>): Promise<Message<'challenge'>> {
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
  readonly hello: Message<'hello'>;
  readonly challenge: Message<'challenge'>;
  readonly proof: Buffer;
  readonly welcome: Message<'welcome'>;
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
  return { hello, challenge, proof, welcome, sent, linkId: welcome.linkId };
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

/** What strangers have added to a log since a moment. */
export class RefusalWatch {
  readonly #lines: readonly LogLine[];
  readonly #from: number;
  readonly #startedAt = Date.now();

  constructor(lines: readonly LogLine[]) {
    this.#lines = lines;
    this.#from = lines.length;
  }

  /**
   * Waits until each of so many refusals is told of, by a line or in the count of one; checks that all have
   * this reason, and that there was at most one line a second.
   *
   * @param listeners - processes that refused, each of which has a line a second
   */
  async expect(count: number, reason: RegExp, listeners = 1): Promise<void> {
    const refusals = (): LogLine[] =>
      this.#lines.slice(this.#from).filter(({ msg }) => msg === 'inner link refused');
    await eventually(() => {
      const told = refusals().map(({ leftOut }) => 1 + Number(leftOut ?? 0));
      expect(told.reduce((sum, part) => sum + part, 0)).toBe(count);
      return true;
    });
    // The clock that times the lines is not the one that is read here.
    const seconds = (Date.now() - this.#startedAt + 50) / 1000;
    expect(refusals().length).toBeLessThanOrEqual(listeners * (seconds + 1));
    for (const line of refusals()) {
      expect(line['reason']).toMatch(reason);
      expect(line['peer']).toMatch(/:[1-9]\d*$/);
    }
  }
}

/** What a stranger says who has no key. */
export const wrongProof: Buffer = Buffer.concat([
  frameOf(makeHello()),
  frameOf({ type: 'proof', proof: Buffer.alloc(32) }),
]);

/** Parts of a flood, in each of which the cluster is to have done its work. */
const PARTS = 10;

/** Echoes that are under way at a time. */
const WINDOW = 4;

/**
 * Makes a number of attempts to link, some at a time, on a cluster whose clients get back what they say. While
 * they go on, a client is served and friends link, again and again: a client gets every answer, in order, in
 * each tenth of the attempts, and no link that is up is lost.
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
  /** How many echoes were answered by the end of each part. */
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
  const linkFriends = async (): Promise<void> => {
    await cluster.startWorker();
    if (isOn()) linked += 1;
    while (isOn()) {
      const friend = await cluster.gatewayClient();
      // A gateway that could not be linked at once is dialed again.
      expect(await eventually(() => friend.getAllClientIdCount())).toBe(1);
      await friend.close();
      if (isOn()) linked += 1;
    }
  };
  await Promise.all([attacking, serve(), linkFriends()]);
  expect(servedBy).toHaveLength(PARTS);
  const servedIn = servedBy.map((count, part) => count - (servedBy[part - 1] ?? 0));
  expect(Math.min(...servedIn), `served in each part: ${servedIn.join()}`).toBeGreaterThan(WINDOW);
  expect(linked).toBeGreaterThan(2);
  expect(client.messages).toEqual([]);
  const isOfAFriend = ({ msg }: LogLine): boolean => /^inner link (?!refused)/.test(String(msg));
  expect(cluster.log.slice(from).filter(isOfAFriend)).toEqual([]);
  expect(cluster.gateways.map(({ workerCount }) => workerCount)).toEqual([2]);
}
