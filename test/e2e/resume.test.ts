import { eventually, freePorts, startCluster, temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ResumableClient } from '../integration/resumable-client.ts';
import { missing } from './numbered.ts';

const file = new URL('./fixtures/dist/resume/start.js', import.meta.url).pathname;

/** A cluster of two gateways on one port, and two workers that send numbered messages. */
async function startNumbering() {
  const [registerPort, port] = await freePorts(2);
  const folder = await temporaryFolder('resume');
  onTestFinished(folder.dispose);
  const env = {
    REGISTER_PORT: String(registerPort),
    GATEWAY_PORTS: String(port),
    PID_FILE: `${folder.path}/resume.pid`,
    LOG_FILE: `${folder.path}/resume.log`,
  };
  const cluster = await startCluster({ file, env, pidFile: env.PID_FILE });
  onTestFinished(() => cluster.dispose());
  return { cluster, port: port ?? 0 };
}

test('resume: after kill -9 of its gateway, on another one, nothing is lost', {
  timeout: 120_000,
}, async () => {
  const { cluster, port } = await startNumbering();
  const clients: ResumableClient[] = [];
  // The kernel chooses the gateway; its token is in the client id.
  await eventually(async () => {
    clients.push(await ResumableClient.open(port, `u${clients.length}`));
    return new Set(clients.map(({ welcome }) => welcome.clientId.slice(0, 5))).size === 2;
  });
  for (const client of clients) client.send('1');
  await eventually(() => clients.every(({ texts, handled }) => texts.length > 60 && handled === 1));
  const gateways = (await cluster.status()).filter(({ role }) => role === 'gateway');
  const [victim] = gateways;
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  const lost = await eventually(() => {
    const ended = clients.filter(({ socket }) => !socket.isOpen);
    return ended.length > 0 && ended;
  });
  const back = await Promise.all(
    lost.map(async (client) => {
      const resumed = await eventually(() => ResumableClient.resume(port, client));
      return { client, resumed };
    }),
  );
  for (const { client, resumed } of back) {
    expect(resumed.welcome).toMatchObject({ isResumed: true, clientId: client.welcome.clientId });
    resumed.send('2');
    const before = resumed.texts.length;
    await eventually(() => resumed.handled === 2 && resumed.texts.length > before + 60);
    expect(missing([...client.texts, ...resumed.texts])).toEqual([]);
    expect([client.repeated + resumed.repeated, resumed.gaps]).toEqual([0, []]);
  }
  for (const client of clients) {
    if (!lost.includes(client)) expect(missing(client.texts)).toEqual([]);
  }
});
