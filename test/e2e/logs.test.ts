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

test('logLevel: sets the least severe line of the master and of its processes', async () => {
  const loud = await logOf('debug');
  const lowest = (role: string) =>
    Math.min(...loud.filter((line) => line.role === role).map(({ level }) => level));
  for (const role of ['master', 'business-worker']) {
    expect([role, lowest(role)]).toEqual([role, debug]);
  }
  const logged = (lines: LogLine[]) =>
    lines.map(({ msg }) => msg).filter((msg) => msg.startsWith('logged at '));
  expect(logged(loud)).toEqual(['logged at debug', 'logged at info', 'logged at warn']);

  const usual = await logOf('info');
  expect(logged(usual)).toEqual(['logged at info', 'logged at warn']);
  expect(Math.min(...usual.map(({ level }) => level))).toBe(info);

  const quiet = await logOf('warn');
  expect(logged(quiet)).toEqual(['logged at warn']);
  expect(Math.min(...quiet.map(({ level }) => level))).toBe(warn);
});

test('crash: one line of the master tells of a worker that was killed', async () => {
  const lines = await logOf('info', async (cluster) => {
    const talker = async () => (await cluster.status()).find(({ name }) => name === 'talker');
    const before = await talker();
    process.kill(before?.pid ?? 0, 'SIGKILL');
    await eventually(async () => {
      const after = await talker();
      return after?.['state'] === 'ready' && after.pid !== before?.pid;
    });
  });
  const first = lines.findIndex(({ msg }) => msg === 'started');
  const last = lines.findIndex(({ msg }) => msg === 'stopping');
  const told = lines.slice(first + 1, last).filter(({ role }) => role !== 'business-worker');
  expect(told.map(({ role, msg }) => `${role}: ${msg}`)).toEqual([
    'master: talker#0 ended by SIGKILL; restarting now',
    'master: ready again',
  ]);
  expect(told[0]).not.toHaveProperty('signal');
});

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
