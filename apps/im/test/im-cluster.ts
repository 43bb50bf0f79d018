import { symlink } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Cluster, eventually, freePorts, startCluster } from '@gatewayworker/testing';
import type { LoginBody } from '../shared/http-api.ts';
import type { Friend } from '../shared/model.ts';
import { HttpClient } from '../src/client/http-client.ts';
import { MessengerClient, type MessengerClientEvents } from '../src/client/messenger-client.ts';
import type { DatabaseKind } from './databases.ts';

/** As `test/build.ts` has built it, which starts in a third of the time. */
const startFile = fileURLToPath(new URL('../dist/server/start.js', import.meta.url));

/** The messenger as real processes, with a database of its own. */
export interface ImCluster {
  readonly cluster: Cluster;
  /** Of the page and the HTTP API. */
  readonly address: string;
  readonly socketPort: number;
  /** Pids of the processes of a name, by their numbers. */
  pids(name: string): Promise<number[]>;
  /** Kills a process of a name as `kill -9` does; resolves when another one has taken its place. */
  killAndWait(name: string, id?: number): Promise<void>;
  dispose(): Promise<void>;
}

/** Starts the messenger and resolves once everything is ready. */
export async function startIm(
  kind: DatabaseKind,
  env: Readonly<Record<string, string>> = {},
): Promise<ImCluster> {
  const database = await kind.start();
  const [port = 0, socketPort = 0, register = 0, inner = 0] = await freePorts(6);
  // By a name of its own, which the pid file stands beside: the app may be running already.
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
      // A thousandth of the work: nobody attacks these.
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
      if (victim === undefined) throw new Error(`there is no ${name} #${id}`);
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

/** A name that nobody has yet. */
export function newName(stem = 'person'): string {
  people += 1;
  return `${stem}-${process.pid}-${people}`;
}

/** Makes an account; the client has not connected. */
export async function enter(
  { address }: ImCluster,
  name: string = newName(),
  events: MessengerClientEvents = {},
): Promise<MessengerClient> {
  return await MessengerClient.enter(address, { name, password: 'correct horse' }, events);
}

/** Logs in again, as another device. */
export async function loginAgain({ address }: ImCluster, name: string): Promise<LoginBody> {
  const login = { login: name, password: 'correct horse' };
  return await new HttpClient(address).post<LoginBody>('/api/login', login);
}

/** Makes two people friends; answers their conversation. */
export async function befriend(one: MessengerClient, other: MessengerClient): Promise<string> {
  await one.http.post('/api/friend-requests', { userId: other.me.id });
  const path = `/api/friend-requests/${one.me.id}/accept`;
  const { friend } = await other.http.post<{ friend: Friend }>(path);
  return friend.conversationId;
}
