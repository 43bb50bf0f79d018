import { rm } from 'node:fs/promises';
import { ReloadKind, requestDrain, requestReload, requestUndrain } from '@gatewayworker/supervisor';
import { eventually, isAlive, openClient } from '@gatewayworker/testing';
import { beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { longTimeout } from './conversation.ts';
import {
  type MovingCluster,
  openHalfFrame,
  openLineTalker,
  openTalker,
  startMovingCluster,
  type Talker,
} from './moving-cluster.ts';
import { atEndOfFile } from './shared.ts';

vi.setConfig({ testTimeout: 180_000 });

const websocketClients = 24;
const lineClients = 6;

const atEnd = atEndOfFile();
let cluster: MovingCluster;
/** Notes of the application before the test. */
let notesBefore = 0;

beforeAll(async () => {
  cluster = await startMovingCluster(atEnd);
});

beforeEach(async () => {
  // The clients of the test before may still be leaving.
  await eventually(async () => {
    const rows = (await cluster.status()).filter(({ role }) => role === 'gateway');
    return rows.every(({ tables }) => (tables?.['clients'] ?? 0) === 0);
  }, longTimeout);
  await eventually(() => {
    const notes = cluster.notes();
    const count = (word: string) => notes.filter((line) => line.startsWith(word)).length;
    return count('connect ') === count('close ');
  }, longTimeout);
  notesBefore = cluster.notes().length;
});

function notes(): string[] {
  return cluster.notes().slice(notesBefore);
}

async function openTalkers(webs: number, lines: number) {
  const { ports } = cluster;
  const talkers: Talker[] = [];
  for (let index = 0; index < webs; index += 1) {
    talkers.push(await openTalker(ports.web, `web-${index}`));
  }
  for (let index = 0; index < lines; index += 1) {
    talkers.push(await openLineTalker(ports.text, `text-${index}`));
  }
  return talkers;
}

/** The `onClose` events of this test. */
function closes(): string[] {
  return notes().filter((line) => line.startsWith('close '));
}

/** The rows of a gateway: the current process first, then the predecessor. */
async function rowsOf(name: string) {
  return (await cluster.status()).filter((row) => row.name === name && row.pid !== null);
}

test('reload --gateways: talking clients notice nothing, and get each message once', async () => {
  const talkers = await openTalkers(websocketClients, lineClients);
  const count = talkers.length;
  const names = talkers.map((_, index) =>
    index < websocketClients ? `web-${index}` : `text-${index - websocketClients}`,
  );
  let said = 0;
  const timer = setInterval(() => {
    for (const talker of talkers) talker.count();
    // One client sends to the room, and one to the next client of the list.
    talkers[said % count]?.say(`room ${said}`);
    talkers[(said + 1) % count]?.say(`uid ${names[(said + 2) % count]} ${said}`);
    said += 1;
  }, 100);
  onTestFinished(() => clearInterval(timer));
  const progress = async () => {
    const target = said + 10;
    const isFurther = () => talkers.every((talker) => talker.heardOf('count').length >= target);
    await eventually(isFurther, longTimeout);
  };
  await progress();
  for (let round = 0; round < 2; round += 1) {
    const result = await cluster.command('reload', '--gateways');
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^web #0: +\d+ -> \d+, .*\ntext #0: +\d+ -> \d+, .*\nReloaded\.\n$/,
    );
    await progress();
  }
  clearInterval(timer);
  await eventually(
    () => talkers.every((talker) => talker.heardOf('count').length >= talker.sent),
    longTimeout,
  );
  await eventually(
    () => talkers.every((talker) => talker.heardOf('room').length >= said),
    longTimeout,
  );
  await eventually(
    () => talkers.reduce((sum, talker) => sum + talker.heardOf('uid').length, 0) >= said,
    longTimeout,
  );

  expect(talkers.filter(({ isOpen }) => !isOpen)).toEqual([]);
  for (const talker of talkers) talker.expectAllCounted();
  for (const talker of talkers) expect(new Set(talker.heardOf('room')).size).toBe(said);
  for (const talker of talkers) expect(talker.heardOf('room')).toHaveLength(said);
  expect(talkers.flatMap((talker) => talker.heardOf('uid'))).toHaveLength(said);
  expect(closes()).toEqual([]);
  expect(notes()).toHaveLength(count);
  talkers[0]?.say('all');
  await eventually(() => talkers[0]?.heard.includes(`all ${count}`), longTimeout);
  expect(await requestReload(cluster.pidFile, ReloadKind.workers, () => {})).toBeGreaterThan(0);
  talkers[0]?.count();
  await eventually(() => talkers[0]?.heardOf('count').length === talkers[0]?.sent, longTimeout);
  talkers[0]?.expectAllCounted();
});

test('reload --gateways: a client with compression is closed with 1012, and comes back', async () => {
  const port = cluster.ports.web;
  const compressed = await openClient(port, '/', { perMessageDeflate: true });
  onTestFinished(() => compressed.terminate());
  const plain = await openTalker(port, 'plain');
  expect(await cluster.reloadGateways()).toHaveLength(2);
  expect(await compressed.ended).toMatchObject({ code: 1012 });
  const again = await openClient(port, '/', { perMessageDeflate: true });
  await again.close();
  plain.count();
  await eventually(() => plain.heardOf('count').length === 1, longTimeout);
  await eventually(() => closes().length === 2, longTimeout);
  expect(closes().map((line) => line.split(' ')[2])).toEqual(['server', 'client']);
});

test('reload --gateways: a successor that fails to start changes nothing', async () => {
  const talker = await openTalker(cluster.ports.web, 'anna');
  const before = await rowsOf('web');
  const file = await cluster.folder.write('broken', '');
  onTestFinished(() => rm(file));
  const result = await cluster.command('reload', '--gateways');
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toContain('gateway "web" #0 was not replaced');
  expect(result.stderr).toContain('no settings');
  expect(result.stderr).toContain('Nothing was replaced');
  expect((await rowsOf('web')).map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
  talker.count();
  await eventually(() => talker.heardOf('count').length === 1, longTimeout);
  expect(closes()).toEqual([]);
});

test('reload --gateways: a successor whose address has changed is refused', async () => {
  const talker = await openTalker(cluster.ports.web, 'anna');
  const file = await cluster.folder.write('moved', '');
  onTestFinished(() => rm(file));
  const result = await cluster.command('reload', '--gateways');
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toMatch(/gateway "web" #0 was not replaced.*option Gateway\.startPort is/s);
  expect(result.stderr).toContain('because only a restart can change addresses');
  talker.count();
  await eventually(() => talker.heardOf('count').length === 1, longTimeout);
  expect(closes()).toEqual([]);
});

test('reload --gateways: skips a drained gateway, a hung register delays no successor', async () => {
  const drained = { gateway: 'web', drainMs: 0 };
  expect(await requestDrain(cluster.pidFile, drained, () => {})).toBeGreaterThan(0);
  const talker = await openLineTalker(cluster.ports.text, 'anna');
  const [register] = await rowsOf('register');
  const pid = register?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => void (isAlive(pid) && process.kill(pid, 'SIGCONT')));
  const result = await cluster.command('reload', '--gateways');
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  expect(result.stdout).toMatch(
    /^web #0: +drained, not replaced\ntext #0: +\d+ -> .*\nReloaded\.\n$/,
  );
  talker.count();
  await eventually(() => talker.heardOf('count').length === 1, longTimeout);
  expect([talker.isOpen, ...closes()]).toEqual([true]);
  process.kill(pid, 'SIGCONT');
  expect(await requestUndrain(cluster.pidFile, 'web', () => {})).toBeGreaterThan(0);
});

/** Starts a reload; resolves when only a client that cannot move is left at the predecessor. */
async function reloadHalfway() {
  const talkers = await openTalkers(10, 0);
  const stuck = await openHalfFrame(cluster.ports.web);
  const reload = cluster.reloadGateways().catch((error: unknown) => String(error));
  const [successor = 0, predecessor = 0] = await eventually(async () => {
    const rows = await rowsOf('web');
    const isHalfway = rows.length === 2 && rows[1]?.tables?.['clients'] === 1;
    return isHalfway && rows.map(({ pid }) => pid ?? 0);
  }, longTimeout);
  return { talkers, stuck, reload, successor, predecessor };
}

test('reload --gateways: kill -9 of the predecessor ends only clients it still had', async () => {
  const { talkers, stuck, reload, predecessor } = await reloadHalfway();
  process.kill(predecessor, 'SIGKILL');
  await eventually(() => stuck.destroyed, longTimeout);
  await eventually(() => closes().length === 1, longTimeout);
  await reload;
  for (const talker of talkers) talker.count();
  await eventually(
    () => talkers.every((talker) => talker.heardOf('count').length === 1),
    longTimeout,
  );
  expect(talkers.filter(({ isOpen }) => !isOpen)).toEqual([]);
  expect(closes().map((line) => line.split(' ')[2])).toEqual(['gateway-lost']);
  const newcomer = await openTalker(cluster.ports.web, 'newcomer');
  newcomer.count();
  await eventually(() => newcomer.heardOf('count').length === 1, longTimeout);
});

test('reload --gateways: kill -9 of the successor ends all its clients, once', async () => {
  const { talkers, stuck, reload, successor, predecessor } = await reloadHalfway();
  const ids = talkers.map(({ clientId }) => clientId);
  process.kill(successor, 'SIGKILL');
  await eventually(() => stuck.destroyed && talkers.every(({ isOpen }) => !isOpen), longTimeout);
  await eventually(() => closes().length === 11, longTimeout);
  await reload;
  await eventually(() => !isAlive(predecessor), longTimeout);
  const newcomer = await eventually(() => openTalker(cluster.ports.web, 'newcomer'), longTimeout);
  newcomer.count();
  await eventually(() => newcomer.heardOf('count').length === 1, longTimeout);
  for (const id of ids) {
    expect(closes().filter((line) => line.includes(id))).toEqual([`close ${id} gateway-lost`]);
  }
  expect(closes()).toHaveLength(11);
});

// The last test of the shared cluster.
test('reload --gateways: a stop afterwards ends every client once and loses no link', async () => {
  const talkers = await openTalkers(3, 2);
  expect(await cluster.reloadGateways()).toHaveLength(2);
  const logged = cluster.log().length;
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
  // A resumed link that ends with GoAway has lost nothing.
  expect(cluster.log().slice(logged)).not.toContain('"msg":"inner link lost"');
  expect(closes()).toHaveLength(talkers.length);
});
