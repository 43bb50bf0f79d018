import { connect, type Socket } from 'node:net';
import { eventually, type TestClient } from '@gatewayworker/testing';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { Conversation, longTimeout } from './conversation.ts';
import { atEndOfFile } from './shared.ts';
import {
  enterAll,
  startTalkingDaemon,
  type TalkingCluster,
  untilReady,
} from './talking-cluster.ts';

vi.setConfig({ testTimeout: 400_000 });

const atEnd = atEndOfFile();
let daemon: TalkingCluster;

beforeAll(async () => {
  daemon = await startTalkingDaemon(atEnd);
});

/** Members by the gateway process that holds them. */
async function membersByGateway(
  members: ReadonlyMap<string, TestClient>,
): Promise<Map<number, Map<string, TestClient>>> {
  const { connections } = JSON.parse((await daemon.command('connections', '--json')).stdout);
  const byPid = new Map<number, Map<string, TestClient>>();
  for (const { pid, uid } of connections) {
    const client = members.get(uid);
    if (client === undefined) continue;
    byPid.set(pid, (byPid.get(pid) ?? new Map()).set(uid, client));
  }
  return byPid;
}

test('kill -9 of a gateway and the register: other clients lose no message or query', async () => {
  const members = await enterAll(daemon, ['ann', 'bob', 'cid', 'dan']);
  let [killed, kept] = await membersByGateway(members);
  // The kernel chooses the process that accepts, so more clients may be needed.
  for (let more = 1; kept === undefined && more <= 100; more += 1) {
    members.set(`eve${more}`, await daemon.enter(`eve${more}`));
    [killed, kept] = await membersByGateway(members);
  }
  if (killed === undefined || kept === undefined) throw new Error('all are at one gateway');
  const conversation = new Conversation(kept[1]);
  await conversation.progress();

  // The list of the killed register still names the gateway.
  const register = (await daemon.status()).find(({ role }) => role === 'register')?.pid ?? 0;
  process.kill(register, 'SIGKILL');
  await eventually(async () => {
    const [next] = (await daemon.status()).filter(({ role }) => role === 'register');
    return next?.state === 'ready' && next.pid !== register;
  }, longTimeout);
  await conversation.progress();
  process.kill(killed[0], 'SIGKILL');
  await Promise.all(Array.from(killed[1].values(), (client) => client.ended));
  await conversation.progress();
  await untilReady(daemon);
  await conversation.progress();
  await conversation.end();
});

/** A connection that sends one HTTP request. */
class Visitor {
  readonly #socket: Socket;
  /** True once it has an answer or was closed. */
  isSettled = false;

  constructor(port: number, request: string) {
    this.#socket = connect(port, '127.0.0.1', () => this.#socket.write(request));
    this.#socket.on('error', () => {});
    this.#socket.once('data', () => this.leave());
    this.#socket.once('close', () => {
      this.isSettled = true;
    });
  }

  leave(): void {
    this.isSettled = true;
    this.#socket.destroy();
  }
}

const page = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const handshake =
  `GET /?name=visitor HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket
Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`.replace(
    /([^\r])\n/g,
    '$1\r\n',
  );

test.each(['gateway', 'worker'])(
  'kill -9 of a %s: every client that connects gets an answer or an end',
  async (role) => {
    const visitors: Visitor[] = [];
    const visit = () => {
      const [port, request] =
        role === 'gateway' ? [daemon.port, handshake] : [daemon.pagePort, page];
      visitors.push(new Visitor(port, request));
    };
    const timer = setInterval(() => {
      visit();
      visit();
    }, 4);
    onTestFinished(() => {
      clearInterval(timer);
      for (const visitor of visitors) visitor.leave();
    });
    for (let round = 0; round < 2; round += 1) {
      await eventually(
        () => visitors.filter(({ isSettled }) => isSettled).length > 50 * (round + 1),
      );
      const rows = (await daemon.status()).filter((row) => row.role === role);
      const killed = rows.find(({ state }) => state === 'ready')?.pid ?? 0;
      process.kill(killed, 'SIGKILL');
      await eventually(async () => {
        const now = (await daemon.status()).filter((row) => row.role === role);
        return now.every(({ pid, state }) => pid !== killed && state === 'ready');
      }, longTimeout);
    }
    clearInterval(timer);
    await eventually(() => expect(visitors.filter(({ isSettled }) => !isSettled)).toHaveLength(0), {
      timeoutMs: 120_000,
    });
  },
);
