import { readFile } from 'node:fs/promises';
import {
  type Cluster,
  eventually,
  freePorts,
  makeCertificate,
  openClient,
  skipReason,
  startCluster,
  startEtcd,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const reason = skipReason('etcd');

const startFile = `
import { BusinessWorker, Gateway, run } from 'gatewayworker';
const { REGISTERS: registerAddress, PORT, HEALTH, ROLES, RUN_FILES } = process.env;
new Gateway({ name: 'gate', listen: 'websocket://127.0.0.1:' + PORT, startPort: 0, registerAddress });
if (ROLES === 'all') {
  const eventHandler = new URL('./events.js', import.meta.url);
  new BusinessWorker({ name: 'brain', eventHandler, registerAddress });
}
run({ health: '127.0.0.1:' + HEALTH, pidFile: RUN_FILES + '.pid', logFile: RUN_FILES + '.log' });
`;

const events = 'export class Events { onMessage(_id, message, ctx) { ctx.send(message); } }';

/** A service that takes a start file, and what it says of its worker. */
interface Machine {
  readonly cluster: Cluster;
  readonly port: number;
  log(): Promise<string>;
  /** Not-ready reasons of its processes of a role. */
  reasons(role: string): Promise<string[]>;
}

test.skipIf(reason !== '')(
  `etcd with TLS and users: a killed gateway is removed within its lease${reason}`,
  async () => {
    const folder = await temporaryFolder('etcd-users');
    onTestFinished(folder.dispose);
    const tls = await makeCertificate();
    const user = { name: 'chat', password: 'pass:word@50%' };
    const encoded = { ...user, password: encodeURIComponent(user.password) };
    const etcd = await startEtcd({ tls, user, tokenSeconds: 1 });
    onTestFinished(etcd.dispose);
    const registers = etcd.address.replace(user.password, encoded.password);
    const NODE_EXTRA_CA_CERTS = await folder.write('ca.pem', tls.cert);
    await folder.write('events.js', events);

    const startMachine = async (name: string, roles: string): Promise<Machine> => {
      const [port = 0, health = 0] = await freePorts(2);
      const runFiles = `${folder.path}/${name}`;
      const cluster = await startCluster({
        file: await folder.write(`${name}.js`, startFile),
        env: {
          ...{ REGISTERS: registers, ROLES: roles, NODE_EXTRA_CA_CERTS, RUN_FILES: runFiles },
          ...{ PORT: String(port), HEALTH: String(health) },
        },
        pidFile: `${runFiles}.pid`,
      });
      onTestFinished(cluster.dispose);
      return {
        cluster,
        port,
        log: async () =>
          cluster.output() + (await readFile(`${runFiles}.log`, 'utf8').catch(() => '')),
        reasons: async (role) => {
          const response = await fetch(`http://127.0.0.1:${health}/ready/${role}`);
          const { processes } = JSON.parse(await response.text());
          return processes.flatMap((process: { reasons: string[] }) => process.reasons);
        },
      };
    };

    const [whole, other] = [
      await startMachine('whole', 'all'),
      await startMachine('other', 'gateway'),
    ];
    for (const { port } of [whole, other]) {
      const client = await eventually(() => openClient(port));
      onTestFinished(() => client.terminate());
      client.send('x');
      expect(await client.next()).toBe('x');
    }
    expect(await whole.reasons('business-worker')).toEqual([]);

    // The stopped master does not restart it.
    const status = await other.cluster.status();
    const gateway = status.find(({ role }) => role === 'gateway')?.pid ?? 0;
    process.kill(other.cluster.pid, 'SIGSTOP');
    onTestFinished(() => void process.kill(other.cluster.pid, 'SIGCONT'));
    process.kill(gateway, 'SIGKILL');
    await eventually(async () => (await whole.reasons('business-worker')).length > 0);
    expect(await whole.reasons('business-worker')).toEqual(['it is not linked to 1 of 2 gateways']);
    const isForgotten = async () => (await whole.reasons('business-worker')).length === 0;
    // The lease is of 5 s.
    await eventually(isForgotten, { timeoutMs: 60_000 });

    // Several tokens have expired by now, and no process has reported the etcd as unavailable.
    const client = await openClient(whole.port);
    onTestFinished(() => client.terminate());
    client.send('y');
    expect(await client.next()).toBe('y');
    expect(await whole.log()).not.toContain('etcd unavailable');
    expect(await whole.log()).not.toContain(user.password);
  },
);
