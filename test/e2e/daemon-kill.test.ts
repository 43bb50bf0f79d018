import { once } from 'node:events';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { readVersion } from '@gatewayworker/core';
import type { ConnectionRow } from '@gatewayworker/supervisor';
import { eventually, isAlive, repositoryRoot, type TestClient } from '@gatewayworker/testing';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { Conversation, longTimeout } from './conversation.ts';
import { Newcomers } from './newcomers.ts';
import { atEndOfFile } from './shared.ts';
import {
  enterAll,
  expectNothingLeft,
  killMaster,
  pidsOf,
  startTalkingDaemon,
  type TalkingCluster,
  untilReady,
} from './talking-cluster.ts';

vi.setConfig({ testTimeout: 400_000 });

const atEnd = atEndOfFile();
let daemon: TalkingCluster;

// Each test leaves a cluster whose master runs and whose processes are ready.
beforeAll(async () => {
  daemon = await startTalkingDaemon(atEnd);
});

async function childPidsOf(): Promise<number[]> {
  return pidsOf(await daemon.status()).slice(1);
}

/** Replaces a part of the start file. */
async function rewriteStartFile(from: string, to: string): Promise<void> {
  const text = await readFile(`${daemon.folder.path}/start.js`, 'utf8');
  expect(text).toContain(from);
  await daemon.folder.write('start.js', text.replace(from, to));
}

/** Copies the packages, as another version, to where the start file finds them first. */
async function installVersion(version: string): Promise<void> {
  const packages = `${repositoryRoot}packages/`;
  for (const name of await readdir(packages)) {
    const text = await readFile(`${packages}${name}/package.json`, 'utf8');
    const described = { ...JSON.parse(text), version };
    const target = `${daemon.folder.path}/node_modules/${described.name}`;
    await cp(`${packages}${name}/dist`, `${target}/dist`, { recursive: true });
    await writeFile(`${target}/package.json`, JSON.stringify(described));
  }
}

/** Listens on a port; the threads of a killed process may hold it for a moment. */
function takePort(port: number): Promise<Server> {
  return eventually(async () => {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return server;
  });
}

/** Members by the gateway process that holds them. */
async function membersByGateway(
  members: ReadonlyMap<string, TestClient>,
): Promise<Map<number, Map<string, TestClient>>> {
  const byPid = new Map<number, Map<string, TestClient>>();
  for (const { pid, uid } of await daemon.connections()) {
    const client = members.get(uid ?? '');
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
    const timer = setInterval(visit, 8);
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

test('kill -9 of the master: no event is lost, no client refused; start attaches', async () => {
  const before = await childPidsOf();
  const members = await enterAll(daemon, ['ann', 'bob', 'cid', 'dan']);
  const conversation = new Conversation(members);
  const newcomers = new Newcomers(daemon);
  await conversation.progress();
  await killMaster(daemon);
  const served = newcomers.served;
  await conversation.progress();
  await eventually(() => newcomers.served > served + 5, longTimeout);

  const start = await daemon.command('start', '-d');
  expect(start).toMatchObject({ exitCode: 0, stderr: '' });
  expect(start.stdout).toContain('Attached to 5 processes, which ran without a master.\n');
  expect(await childPidsOf()).toEqual(before);
  await conversation.progress();
  // The successors get the listening sockets of processes that another master started.
  await daemon.reload();
  const [killed = 0] = pidsOf((await daemon.status()).filter(({ name }) => name === 'gate'));
  await newcomers.end();
  expect(newcomers.failures).toEqual([]);
  await conversation.progress();
  await conversation.end();

  process.kill(killed, 'SIGKILL');
  await eventually(async () => {
    const gates = (await daemon.status()).filter(({ name }) => name === 'gate');
    return gates.every(({ pid, state }) => pid !== killed && state === 'ready');
  }, longTimeout);
  // Only the parent of a process can read its exit code, and that was the first master.
  const gate = (await daemon.status()).find(({ exits }) => Object.keys(exits).length > 0);
  expect(gate).toMatchObject({ lastExit: { code: null, signal: null }, exits: { unknown: 1 } });
  expect(daemon.log()).toContain('ended with an unknown exit code; restarting now');
  const later = new Newcomers(daemon);
  await eventually(() => later.served > 20, longTimeout);
  await later.end();
  expect(later.failures).toEqual([]);
});

test('restart --master: a new master attaches to the same processes', async () => {
  const before = await childPidsOf();
  const master = daemon.masterPid();
  const members = await enterAll(daemon, ['ann', 'bob']);
  const conversation = new Conversation(members);
  await conversation.progress();
  const restart = await daemon.command('restart', '--master');
  expect(restart).toMatchObject({ exitCode: 0, stderr: '' });
  expect(restart.stdout).toContain(`Master ${master} has ended; its processes keep running.\n`);
  expect(daemon.masterPid()).not.toBe(master);
  expect(isAlive(master)).toBe(false);
  expect(await childPidsOf()).toEqual(before);
  await conversation.progress();
  await conversation.end();
});

test('start: refuses processes of a running master whose socket is gone', async () => {
  const before = await childPidsOf();
  const master = daemon.masterPid();
  process.kill(master, 'SIGSTOP');
  await rm(`${daemon.folder.path}/start.run/master.sock`);
  const start = await daemon.command('start', '-d', '--wait', '5');
  process.kill(master, 'SIGCONT');
  expect(start).toMatchObject({ exitCode: 1, stdout: '' });
  expect(start.stderr).toMatch(
    new RegExp(`belongs to the master ${master}, which is connected to it: stop that one first\n$`),
  );
  await untilReady(daemon);
  expect(await childPidsOf()).toEqual(before);
});

test('start: warns of a frozen process, fails at a frozen master, kills neither', async () => {
  const brain = pidsOf((await daemon.status()).filter(({ name }) => name === 'brain'))[0] ?? 0;
  await killMaster(daemon);
  process.kill(brain, 'SIGSTOP');
  const start = await daemon.command('start', '-d', '--wait', '5');
  const status = await daemon.command('status');
  process.kill(brain, 'SIGCONT');
  expect(start.stderr).toContain(`brain #0 (pid ${brain}) does not answer. It is kept`);
  expect(status.stdout).toContain(
    'brain#0: it has not answered for a second; its stack is unknown: only the process that started it can read it\n',
  );
  await untilReady(daemon);
  expect(isAlive(brain)).toBe(true);

  const master = daemon.masterPid();
  process.kill(master, 'SIGSTOP');
  const second = await daemon.command('start', '-d');
  process.kill(master, 'SIGCONT');
  expect(second).toMatchObject({ exitCode: 1, stdout: '' });
  expect(second.stderr).toBe(
    `the master (pid ${master}) gave no answer within 5000 ms: try again, or end it with kill -9 and start another\n`,
  );
  await untilReady(daemon);
});

test('start after a kill: names a port that is in use; other processes run', async () => {
  const gates = pidsOf((await daemon.status()).filter(({ name }) => name === 'gate'));
  await killMaster(daemon);
  for (const pid of gates) process.kill(pid, 'SIGKILL');
  await eventually(() => !gates.some(isAlive));
  const foreign = await takePort(daemon.port);
  const start = await daemon.command('start', '-d', '--wait', '5');
  expect(start.exitCode).toBe(1);
  const why = `Gateway "gate" cannot listen on 127.0.0.1:${daemon.port}: the port is in use by another process`;
  expect(start.stderr).toContain(why);
  expect(start.stdout).toContain('Attached to 3 processes');
  await new Promise((resolve) => foreign.close(resolve));
  await untilReady(daemon);
});

test('start after a kill: replaces changed, starts missing, stops removed processes', async () => {
  const pidOf = async (name: string) =>
    pidsOf((await daemon.status()).filter((row) => row.name === name));
  const [gates, [brain = 0], [web = 0]] = [
    await pidOf('gate'),
    await pidOf('brain'),
    await pidOf('web'),
  ];
  await killMaster(daemon);
  process.kill(gates[1] ?? 0, 'SIGKILL');
  await eventually(() => !isAlive(gates[1] ?? 0));
  await rewriteStartFile("name: 'brain',", "name: 'brain', redeliver: true,");
  // Another worker, and none named web any longer; its port is still in use.
  await rewriteStartFile("new Worker({ name: 'web',", "new Worker({ name: 'page' });\nvoid ({");
  expect(await daemon.command('start', '-d')).toMatchObject({ exitCode: 0, stderr: '' });
  await untilReady(daemon);
  expect(daemon.log()).toContain('removed the control socket of a process that is gone');
  const now = await pidOf('gate');
  expect(now[0]).toBe(gates[0]);
  expect(now).toHaveLength(2);
  expect(isAlive(brain)).toBe(false);
  expect(isAlive(web)).toBe(false);
  expect(await pidOf('page')).toHaveLength(1);
});

test('start after an upgrade: attaches to processes of the old version and warns', async () => {
  const before = await childPidsOf();
  await killMaster(daemon);
  await installVersion('9.9.9');
  const start = await daemon.command('start', '-d');
  expect(start.exitCode).toBe(0);
  expect(start.stderr).toContain(
    `runs version ${readVersion()}, this master 9.9.9. It is kept; reload replaces workers, restart replaces all processes.\n`,
  );
  expect(await childPidsOf()).toEqual(before);
  await daemon.reload();
});

// The last test of the shared cluster.
test('without a master: commands report, name a hung process, refuse, and stop', async () => {
  const before = await childPidsOf();
  const members = await enterAll(daemon, ['ann', 'bob', 'cid', 'dan']);
  const gate = (await daemon.status()).find(({ name }) => name === 'gate');
  const pid = gate?.pid ?? 0;
  await killMaster(daemon);

  const [status, connections, health, ...refused] = await Promise.all([
    daemon.command('status', '--json'),
    daemon.command('connections', '--json'),
    daemon.command('health'),
    daemon.command('reload'),
    daemon.command('drain'),
  ]);
  expect(status).toMatchObject({ exitCode: 0 });
  expect(status.stderr).toMatch(
    /^no master runs; ".*start\.js start" attaches to its processes\n$/,
  );
  expect(pidsOf(JSON.parse(status.stdout).processes).sort()).toEqual(before.sort());
  const rows: ConnectionRow[] = JSON.parse(connections.stdout).connections;
  expect(rows.map(({ uid }) => uid)).toEqual(expect.arrayContaining([...members.keys()]));
  expect(health).toMatchObject({ exitCode: 1 });
  for (const command of refused) {
    expect(command).toMatchObject({ exitCode: 1, stdout: '' });
    expect(command.stderr).toContain('no master runs;');
  }

  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => void (isAlive(pid) && process.kill(pid, 'SIGCONT')));
  const row = expect.objectContaining({ role: 'gateway', name: 'gate', id: gate?.id, pid });
  const [healthOfHung, statusOfHung, connectionsOfHung] = await Promise.all([
    daemon.command('health', '--json'),
    daemon.command('status', '--json'),
    daemon.command('connections'),
  ]);
  for (const { stdout } of [healthOfHung, statusOfHung]) {
    expect(JSON.parse(stdout).processes).toContainEqual(row);
  }
  expect(connectionsOfHung.stderr).toContain(`gate#${gate?.id}`);
  process.kill(pid, 'SIGCONT');

  const stop = await daemon.command('stop');
  expect(stop).toMatchObject({ exitCode: 0, stdout: 'Stopped 5 processes.\n' });
  expect(stop.stderr).toContain('no master runs;');
  await expectNothingLeft(daemon);
  for (const client of members.values()) expect((await client.ended).code).toBe(1001);
  expect((await daemon.command('stop')).stderr).toBe('start.js is not running\n');
});
