import { symlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Cluster, eventually, freePorts, startCluster } from '@gatewayworker/testing';
import type { LoginBody } from '../shared/http-api.ts';
import type { Friend } from '../shared/model.ts';
import { HttpClient } from '../src/client/http-client.ts';
import { MessengerClient, type MessengerClientEvents } from '../src/client/messenger-client.ts';
import type { DatabaseKind } from './databases.ts';

/** Compiled by `test/build.ts`, because it starts three times as fast. */
const startFile = fileURLToPath(new URL('../dist/server/start.js', import.meta.url));

/** A messenger in real processes, with its own database. */
export interface ImCluster {
  readonly cluster: Cluster;
  /** URL of the page and the HTTP API. */
  readonly address: string;
  readonly socketPort: number;
  /** Pids of the processes of a declaration, by their ids. */
  pids(name: string): Promise<number[]>;
  /** Kills a process with SIGKILL; resolves when its replacement is ready. */
  killAndWait(name: string, id?: number): Promise<void>;
  dispose(): Promise<void>;
}

/** Starts the messenger; resolves when all processes are ready. */
export async function startIm(
  kind: DatabaseKind,
  env: Readonly<Record<string, string>> = {},
): Promise<ImCluster> {
  const database = await kind.start();
  const [port = 0, socketPort = 0, register = 0, inner = 0] = await freePorts(6);
  // The pid file is created beside this link: the app may be running on this machine.
  const file = `${database.dataFolder}/start.js`;
  await symlink(startFile, file);
  const cluster = await startCluster({
    file,
    env: {
      IM_PORT: String(port),
      IM_SOCKET_PORT: String(socketPort),
      IM_REGISTER_PORT: String(register),
      IM_INNER_PORT: String(inner),
      IM_DATA: database.dataFolder,
      DATABASE_URL: database.databaseUrl,
      // The minimum, to save time.
      IM_PASSWORD_COST: '10',
      ...env,
    },
  }).catch(async (error: unknown) => {
    await database.dispose();
    throw error;
  });
  const pids = async (name: string) => {
    const rows = (await cluster.status()).filter((row) => row.name === name);
    return rows.sort((a, b) => a.id - b.id).map(({ pid }) => pid);
  };
  return {
    cluster,
    address: `http://127.0.0.1:${port}`,
    socketPort,
    pids,
    async killAndWait(name, id = 0) {
      const victim = (await pids(name))[id];
      if (victim === undefined) throw new Error(`no process ${name} #${id}`);
      process.kill(victim, 'SIGKILL');
      await eventually(
        async () => {
          const row = (await cluster.status()).find((one) => one.name === name && one.id === id);
          return row !== undefined && row.pid !== victim && row['state'] === 'ready';
        },
        { timeoutMs: 120_000 },
      );
    },
    async dispose() {
      await cluster.dispose();
      await database.dispose();
    },
  };
}

let people = 0;

/** Returns an unused name. */
export function newName(stem = 'person'): string {
  people += 1;
  return `${stem}-${process.pid}-${people}`;
}

/** Creates an account, or logs in; the client is not connected. */
export async function openAccount(
  { address }: ImCluster,
  name: string = newName(),
  events: MessengerClientEvents = {},
): Promise<MessengerClient> {
  return await MessengerClient.registerOrLogIn(
    address,
    { name, password: 'correct horse' },
    events,
  );
}

/** Logs in as another device. */
export async function loginAgain({ address }: ImCluster, name: string): Promise<LoginBody> {
  const login = { login: name, password: 'correct horse' };
  return await new HttpClient(address).post<LoginBody>('/api/login', login);
}

/** Makes two users friends; returns the id of their conversation. */
export async function befriend(one: MessengerClient, other: MessengerClient): Promise<string> {
  await one.http.post('/api/friend-requests', { userId: other.me.id });
  const path = `/api/friend-requests/${one.me.id}/accept`;
  const { friend } = await other.http.post<{ friend: Friend }>(path);
  return friend.conversationId;
}
