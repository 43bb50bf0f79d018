import { eventually, isAlive, openClient } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { patience } from './conversation.ts';
import {
  type MovingCluster,
  openHalfFrame,
  openLineTalker,
  openTalker,
  startMovingCluster,
  type Talker,
} from './moving-cluster.ts';

vi.setConfig({ testTimeout: 180_000 });

const websocketClients = 100;
const lineClients = 20;

async function openTalkers({ ports }: MovingCluster, webs: number, lines: number) {
  const talkers: Talker[] = [];
  for (let index = 0; index < webs; index += 1) {
    talkers.push(await openTalker(ports.web, `web-${index}`));
  }
  for (let index = 0; index < lines; index += 1) {
    talkers.push(await openLineTalker(ports.text, `text-${index}`));
  }
  return talkers;
}

/** Ends of clients that the application was told of. */
function closes(cluster: MovingCluster): string[] {
  return cluster.notes().filter((line) => line.startsWith('close '));
}

/** The rows of a gateway: the process in its place first, then the one that leaves. */
async function rowsOf(cluster: MovingCluster, name: string) {
  return (await cluster.status()).filter((row) => row.name === name && row.pid !== null);
}

test('reload --gateways: talking clients notice nothing, and get each message once', async () => {
  const cluster = await startMovingCluster();
  const talkers = await openTalkers(cluster, websocketClients, lineClients);
  const count = talkers.length;
  const names = talkers.map((_, index) =>
    index < websocketClients ? `web-${index}` : `text-${index - websocketClients}`,
  );
  let said = 0;
  const timer = setInterval(() => {
    for (const talker of talkers) talker.count();
    // One speaks to all, and one to its neighbour in the list.
    talkers[said % count]?.say(`room ${said}`);
    talkers[(said + 1) % count]?.say(`uid ${names[(said + 2) % count]} ${said}`);
    said += 1;
  }, 50);
  onTestFinished(() => clearInterval(timer));
  const progress = async () => {
    const target = said + 10;
    const isFurther = () => talkers.every((talker) => talker.heardOf('count').length >= target);
    await eventually(isFurther, patience);
  };
  await progress();
  for (let round = 0; round < 2; round += 1) {
    const result = await cluster.command('reload', '--gateways');
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^web #0: +\d+ -> \d+, .*\ndeflate #0: +\d+ -> \d+, .*\ntext #0: +\d+ -> \d+, .*\nReloaded\.\n$/,
    );
    await progress();
  }
  clearInterval(timer);
  await eventually(
    () => talkers.every((talker) => talker.heardOf('count').length >= talker.sent),
    patience,
  );
  await eventually(
    () => talkers.every((talker) => talker.heardOf('room').length >= said),
    patience,
  );
  await eventually(
    () => talkers.reduce((sum, talker) => sum + talker.heardOf('uid').length, 0) >= said,
    patience,
  );

  expect(talkers.filter(({ isOpen }) => !isOpen)).toEqual([]);
  for (const talker of talkers) talker.expectAllCounted();
  for (const talker of talkers) expect(new Set(talker.heardOf('room')).size).toBe(said);
  for (const talker of talkers) expect(talker.heardOf('room')).toHaveLength(said);
  expect(talkers.flatMap((talker) => talker.heardOf('uid'))).toHaveLength(said);
  expect(closes(cluster)).toEqual([]);
  expect(cluster.notes()).toHaveLength(count);
  talkers[0]?.say('all');
  await eventually(() => talkers[0]?.heard.includes(`all ${count}`), patience);
  expect(await cluster.command('reload')).toMatchObject({ exitCode: 0, stderr: '' });
  talkers[0]?.count();
  await eventually(() => talkers[0]?.heardOf('count').length === talkers[0]?.sent, patience);
  talkers[0]?.expectAllCounted();
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
  // A resumed link that ends with GoAway has lost nothing.
  expect(cluster.log()).not.toContain('"msg":"inner link lost"');
  expect(closes(cluster)).toHaveLength(count);
});

test('reload --gateways: a client with compression is closed with 1012, and comes back', async () => {
  const cluster = await startMovingCluster();
  const port = cluster.ports.deflate;
  const compressed = await openClient(port, '/', { perMessageDeflate: true });
  onTestFinished(() => compressed.terminate());
  const plain = await openTalker(port, 'plain');
  expect(await cluster.command('reload', '--gateways')).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await compressed.ended).toMatchObject({ code: 1012 });
  const again = await openClient(port, '/', { perMessageDeflate: true });
  await again.close();
  plain.count();
  await eventually(() => plain.heardOf('count').length === 1, patience);
  await eventually(() => closes(cluster).length === 2, patience);
  expect(closes(cluster).map((line) => line.split(' ')[2])).toEqual(['server', 'client']);
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
});

test('reload --gateways: a successor that fails to start changes nothing', async () => {
  const cluster = await startMovingCluster();
  const talker = await openTalker(cluster.ports.web, 'anna');
  const before = await rowsOf(cluster, 'web');
  await cluster.folder.write('broken', '');
  const result = await cluster.command('reload', '--gateways');
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toContain('gateway "web" #0 was not replaced');
  expect(result.stderr).toContain('no settings');
  expect(result.stderr).toContain('Nothing was replaced');
  expect((await rowsOf(cluster, 'web')).map(({ pid }) => pid)).toEqual(
    before.map(({ pid }) => pid),
  );
  talker.count();
  await eventually(() => talker.heardOf('count').length === 1, patience);
  expect(closes(cluster)).toEqual([]);
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
});

test('reload --gateways: a successor whose address has changed is refused', async () => {
  const cluster = await startMovingCluster();
  const talker = await openTalker(cluster.ports.web, 'anna');
  await cluster.folder.write('moved', '');
  const result = await cluster.command('reload', '--gateways');
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toMatch(/gateway "web" #0 was not replaced.*option Gateway\.startPort is/s);
  expect(result.stderr).toContain('because a reload keeps addresses and a restart changes them');
  talker.count();
  await eventually(() => talker.heardOf('count').length === 1, patience);
  expect(closes(cluster)).toEqual([]);
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
});

test('reload --gateways: a register that hangs does not make a successor late', async () => {
  const cluster = await startMovingCluster();
  const talker = await openTalker(cluster.ports.web, 'anna');
  const [register] = await rowsOf(cluster, 'register');
  const pid = register?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => void (isAlive(pid) && process.kill(pid, 'SIGCONT')));
  const result = await cluster.command('reload', '--gateways');
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  talker.count();
  await eventually(() => talker.heardOf('count').length === 1, patience);
  expect([talker.isOpen, ...closes(cluster)]).toEqual([true]);
  process.kill(pid, 'SIGCONT');
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
});

test('reload --gateways: skips a drained gateway and replaces the others', async () => {
  const cluster = await startMovingCluster();
  expect(await cluster.command('drain', 'web')).toMatchObject({ exitCode: 0 });
  const result = await cluster.command('reload', '--gateways');
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  expect(result.stdout).toMatch(
    /^web #0: +drained, not replaced\ndeflate #0: +\d+ -> .*\ntext #0: +\d+ -> .*\nReloaded\.\n$/,
  );
  expect(await cluster.command('undrain', 'web')).toMatchObject({ exitCode: 0 });
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
});

/** Reloads until all clients of the websocket gateway have moved but one, which cannot. */
async function reloadHalfway(cluster: MovingCluster) {
  const talkers = await openTalkers(cluster, 10, 0);
  const stuck = await openHalfFrame(cluster.ports.web);
  const reload = cluster.command('reload', '--gateways');
  const [successor = 0, predecessor = 0] = await eventually(async () => {
    const rows = await rowsOf(cluster, 'web');
    const isHalfway = rows.length === 2 && rows[1]?.tables?.['clients'] === 1;
    return isHalfway && rows.map(({ pid }) => pid ?? 0);
  }, patience);
  return { talkers, stuck, reload, successor, predecessor };
}

test('reload --gateways: kill -9 of the predecessor ends only clients it still had', async () => {
  const cluster = await startMovingCluster();
  const { talkers, stuck, reload, predecessor } = await reloadHalfway(cluster);
  process.kill(predecessor, 'SIGKILL');
  await eventually(() => stuck.destroyed, patience);
  await eventually(() => closes(cluster).length === 1, patience);
  await reload;
  for (const talker of talkers) talker.count();
  await eventually(() => talkers.every((talker) => talker.heardOf('count').length === 1), patience);
  expect(talkers.filter(({ isOpen }) => !isOpen)).toEqual([]);
  expect(closes(cluster).map((line) => line.split(' ')[2])).toEqual(['gateway-lost']);
  const newcomer = await openTalker(cluster.ports.web, 'newcomer');
  newcomer.count();
  await eventually(() => newcomer.heardOf('count').length === 1, patience);
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
});

test('reload --gateways: kill -9 of the successor ends all its clients, once', async () => {
  const cluster = await startMovingCluster();
  const { talkers, stuck, reload, successor, predecessor } = await reloadHalfway(cluster);
  const ids = talkers.map(({ clientId }) => clientId);
  process.kill(successor, 'SIGKILL');
  await eventually(() => stuck.destroyed && talkers.every(({ isOpen }) => !isOpen), patience);
  await eventually(() => closes(cluster).length === 11, patience);
  await reload;
  await eventually(() => !isAlive(predecessor), patience);
  const newcomer = await eventually(() => openTalker(cluster.ports.web, 'newcomer'), patience);
  newcomer.count();
  await eventually(() => newcomer.heardOf('count').length === 1, patience);
  for (const id of ids) {
    expect(closes(cluster).filter((line) => line.includes(id))).toEqual([
      `close ${id} gateway-lost`,
    ]);
  }
  expect(closes(cluster)).toHaveLength(11);
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
});
