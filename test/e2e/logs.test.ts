import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Cluster,
  eventually,
  freePorts,
  runCommand,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const start = `
import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';
const { REGISTER_PORT, GATEWAY_PORT, INNER_PORT, LOG_LEVEL } = process.env;
const registerAddress = '127.0.0.1:' + REGISTER_PORT;
new Register({ listen: registerAddress });
new Gateway({ name: 'gate', listen: 'tcp://127.0.0.1:' + GATEWAY_PORT, startPort: Number(INNER_PORT), registerAddress });
new BusinessWorker({ name: 'talker', eventHandler: new URL('./events.js', import.meta.url), registerAddress });
run({ logLevel: LOG_LEVEL });
`;

const events = `
export class Events {
  onWorkerStart({ logger }) {
    for (const level of ['debug', 'info', 'warn']) logger[level]('logged at ' + level);
  }
  onMessage() {}
}
`;

const client = `
import { GatewayClient } from 'gatewayworker';
const registerAddress = '127.0.0.1:' + process.env.REGISTER_PORT;
const error = await GatewayClient.connect({ registerAddress, connectTimeoutMs: 500 }).catch((error) => error);
console.log('data: ' + error.code);
`;

interface LogLine {
  readonly role: string;
  readonly level: number;
  readonly msg: string;
}

/** Lines of the log file of a cluster, from its start to its stop. */
async function logOf(
  logLevel: string,
  use: (cluster: Cluster) => Promise<void> = async () => {},
): Promise<LogLine[]> {
  const folder = await temporaryFolder('logs');
  onTestFinished(folder.dispose);
  await folder.write('events.js', events);
  const [registerPort, gatewayPort, innerPort] = await freePorts(3);
  const cluster = await startCluster({
    file: await folder.write('start.js', start),
    env: {
      REGISTER_PORT: String(registerPort),
      GATEWAY_PORT: String(gatewayPort),
      INNER_PORT: String(innerPort),
      LOG_LEVEL: logLevel,
    },
  });
  onTestFinished(cluster.dispose);
  await use(cluster);
  expect(await cluster.stop()).toBe(0);
  const text = await readFile(join(folder.path, 'start.log'), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): LogLine => JSON.parse(line));
}

const [debug, info, warn] = [20, 30, 40];

test('logLevel debug: every line; one line of the master tells of a killed worker', async () => {
  const lines = await logOf('debug', async (cluster) => {
    const talker = async () => (await cluster.status()).find(({ name }) => name === 'talker');
    const before = await talker();
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await eventually(async () => {
      const after = await talker();
      return after?.['state'] === 'ready' && after.pid !== before?.pid;
    });
  });
  const lowest = (role: string) =>
    Math.min(...lines.filter((line) => line.role === role).map(({ level }) => level));
  for (const role of ['master', 'business-worker']) {
    expect([role, lowest(role)]).toEqual([role, debug]);
  }
  const logged = lines.map(({ msg }) => msg).filter((msg) => msg.startsWith('logged at '));
  const ofStart = ['logged at debug', 'logged at info', 'logged at warn'];
  expect(logged).toEqual([...ofStart, ...ofStart]);

  const first = lines.findIndex(({ msg }) => msg === 'started');
  const last = lines.findIndex(({ msg }) => msg === 'stopping');
  const crash = lines
    .slice(first + 1, last)
    .filter(({ role, level }) => role !== 'business-worker' && level >= info);
  expect(crash.map(({ role, msg }) => `${role}: ${msg}`)).toEqual([
    'master: talker#0 ended by SIGKILL; restarting now',
    'master: ready again',
  ]);
  expect(crash[0]).not.toHaveProperty('signal');
});

test.each([
  ['info', info, ['logged at info', 'logged at warn']],
  ['warn', warn, ['logged at warn']],
])(
  'logLevel %s: no line of a lower level, of the master or a worker',
  async (level, lowest, own) => {
    const lines = await logOf(level);
    const logged = lines.map(({ msg }) => msg).filter((msg) => msg.startsWith('logged at '));
    expect(logged).toEqual(own);
    expect(Math.min(...lines.map(({ level }) => level))).toBe(lowest);
  },
);

test('GatewayClient: logs to stderr and leaves stdout to the program', async () => {
  const folder = await temporaryFolder('logs');
  onTestFinished(folder.dispose);
  const [registerPort = 0] = await freePorts(1);
  const { stdout, stderr } = await runCommand(await folder.write('client.js', client), [], {
    env: { REGISTER_PORT: String(registerPort) },
  });
  expect(stdout).toBe('data: GW_ERR_CONNECT_TIMEOUT\n');
  expect(JSON.parse(stderr)).toMatchObject({
    role: 'client',
    level: warn,
    msg: 'inner link not connected, retrying',
  });
});
