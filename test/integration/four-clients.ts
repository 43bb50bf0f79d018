import type { EventHandler, WorkerInfo } from '@gatewayworker/business-worker';
import type { GatewayClient } from '@gatewayworker/gateway-client';
import { eventually, type Roles, type RolesOptions, type TestClient } from '@gatewayworker/testing';
import { roles } from './roles.ts';

/** The processes that call the Gateway API: two workers, and a program outside the cluster. */
export const sides = ['worker 0', 'worker 1', 'outside'] as const;
export type Side = (typeof sides)[number];

/** Ids of the four clients: `a` and `c` are at the first gateway, `b` and `d` at the second. */
export type Ids = readonly [a: string, b: string, c: string, d: string];

/** The sessions of the first two; the others have none. */
export const sessions = [{ name: 'a', deep: { x: 1, list: [1, 2] } }, { name: 'b' }] as const;

/** `anna` has a and b, `bob` has c, and d has no uid. `both` has a, b and d, `first` a and c, `last` d. */
const admissions = [
  { uid: 'anna', groups: ['both', 'first'], session: sessions[0] },
  { uid: 'anna', groups: ['both'], session: sessions[1] },
  { uid: 'bob', groups: ['first'] },
  { groups: ['both', 'last'] },
];

const quickly = { intervalMs: 2 };

const events: EventHandler = {
  onHandshake: ({ query }) => ({ accept: true, ...admissions[Number(query.get('n'))] }),
  onConnect: (id, ctx) => void ctx.send(id),
};

/** Two gateways and two workers, and the Gateway API of each side. */
export interface ApiCluster {
  readonly cluster: Roles;
  readonly api: Readonly<Record<Side, GatewayClient>>;
}

/** Four clients and their ids. */
export interface FourClients {
  readonly clients: readonly TestClient[];
  readonly ids: Ids;
}

/** Starts a cluster without clients. */
export async function startApiCluster(options: Partial<RolesOptions> = {}): Promise<ApiCluster> {
  const workers: WorkerInfo[] = [];
  const cluster = await roles({
    events: { ...events, onWorkerStart: (worker) => void workers.push(worker) },
    gateways: 2,
    workers: 2,
    ...options,
  });
  const [first, second] = workers.map(({ gateway }) => gateway);
  if (first === undefined || second === undefined) throw new Error('a worker has not started');
  const outside = await cluster.gatewayClient();
  return { cluster, api: { 'worker 0': first, 'worker 1': second, outside } };
}

/** Opens the four clients; resolves once every side sees them. */
export async function enterFour({ cluster, api }: ApiCluster): Promise<FourClients> {
  const clients: TestClient[] = [];
  const ids: string[] = [];
  for (let n = 0; n < 4; n += 1) {
    const client = await cluster.connect(n % 2, `/?n=${n}`);
    ids.push(String(await client.next()));
    clients.push(client);
  }
  for (const side of sides) {
    await eventually(async () => (await api[side].getAllClientIdCount()) === 4, quickly);
  }
  const [a = '', b = '', c = '', d = ''] = ids;
  return { clients, ids: [a, b, c, d] };
}

/** Drops the four clients; resolves once every gateway has forgotten them. */
export async function leave({ api }: ApiCluster, { clients }: FourClients): Promise<void> {
  for (const client of clients) client.terminate();
  await eventually(async () => (await api.outside.getAllClientIdCount()) === 0, quickly);
}
