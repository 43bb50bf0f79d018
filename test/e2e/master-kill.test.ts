import { rm } from 'node:fs/promises';
import type { ProcessStatus } from '@gatewayworker/supervisor';
import { eventually, isAlive } from '@gatewayworker/testing';
import { expect, test, vi } from 'vitest';
import { Conversation, patience, talk } from './conversation.ts';
import { Newcomers } from './newcomers.ts';
import {
  enterAll,
  expectNothingLeft,
  killMaster,
  pidsOf,
  startTalkingDaemon,
  stopAll,
  untilHealed,
} from './talking-cluster.ts';

vi.setConfig({ testTimeout: 400_000 });

function leavingOf(processes: readonly ProcessStatus[], name: string): ProcessStatus[] {
  return processes.filter((row) => row.name === name && row.state === 'leaving');
}

test('kill -9 of the master: nobody is disconnected, nothing is lost, and new clients come soon', async () => {
  const daemon = await startTalkingDaemon();
  const before = await daemon.status();
  const members = await enterAll(daemon, ['ann', 'bob', 'cid', 'dan']);
  const conversation = new Conversation(members);
  await conversation.goesOn();

  const newcomers = new Newcomers(daemon);
  await eventually(() => newcomers.served > 0, patience);
  const killed = daemon.masterPid();
  process.kill(killed, 'SIGKILL');
  const killedAt = performance.now();
  const eve = await daemon.enter('eve');
  const servedMs = Math.round(performance.now() - killedAt);
  process.stdout.write(`a new client was served ${servedMs} ms after the master was killed\n`);
  const master = await untilHealed(daemon, killed);
  expect(master).not.toBe(killed);
  expect(daemon.masterPid()).toBe(master);
  await newcomers.end();
  expect(newcomers.failures).toEqual([]);

  // The workers of before hand their clients over and go; the gateways of before keep theirs.
  const old = before.filter(({ role }) => role === 'business-worker' || role === 'worker');
  await eventually(() => !pidsOf(old).some(isAlive), patience);
  await conversation.goesOn();
  const processes = await daemon.status();
  const oldGateways = pidsOf(before.filter(({ name }) => name === 'gate'));
  const leaving = leavingOf(processes, 'gate');
  expect(pidsOf(leaving).sort()).toEqual(oldGateways.sort());
  expect((await daemon.command('status')).stdout.match(/\[leaving\]/g)).toHaveLength(2);
  expect(daemon.log()).toMatch(/"taken":\d+,"port":\d+,"msg":"an earlier process still has/);
  const { connections } = JSON.parse((await daemon.command('connections', '--json')).stdout);
  expect(connections.map(({ uid }: { uid: string }) => uid).sort()).toEqual(
    ['ann', 'bob', 'cid', 'dan', 'eve'].sort(),
  );

  members.get('ann')?.send('uid eve hi');
  await eventually(() => eve.messages.includes('uid ann hi'), patience);
  await talk(eve, 'eve', members);

  const reload = await daemon.command('reload');
  expect(reload).toMatchObject({ exitCode: 0, stderr: '' });
  await daemon.status();
  await conversation.goesOn();
  await conversation.end();

  // Eve came by a gateway of before, as there was no other. Each of these ends with its last client.
  for (const client of members.values()) await client.close();
  await eventually(() => oldGateways.filter(isAlive).length === 1, patience);
  expect(eve.isOpen).toBe(true);
  await eve.close();
  await eventually(() => !oldGateways.some(isAlive), patience);
  await stopAll(daemon);
});

test('kill -9 of the master twice: clients of all generations stay, and stop ends everything', async () => {
  const daemon = await startTalkingDaemon();
  const members = await enterAll(daemon, ['ann', 'bob']);
  const conversation = new Conversation(members);
  const first = await killMaster(daemon);
  const later = await enterAll(daemon, ['cid', 'dan']);
  const laterConversation = new Conversation(later);
  const second = await killMaster(daemon);
  expect(second).not.toBe(first);
  const eve = await daemon.enter('eve');
  await talk(eve, 'eve', new Map([...members, ...later]));
  await conversation.goesOn();
  await laterConversation.goesOn();
  expect(leavingOf(await daemon.status(), 'gate')).toHaveLength(4);
  const drain = daemon.command('drain', 'gate#0', '--over', '0.1');
  await expect(drain).resolves.toMatchObject({ exitCode: 0 });
  // One process of each generation, with one client of each.
  const all = [...members.values(), ...later.values()];
  await eventually(() => all.filter(({ isOpen }) => isOpen).length === 2, patience);
  await stopAll(daemon);
  await Promise.all(all.map((client) => client.ended));
});

test('kill -9 of the keeper: another one is there, and the master is kept as before', async () => {
  const daemon = await startTalkingDaemon();
  const members = await enterAll(daemon, ['ann', 'bob']);
  const conversation = new Conversation(members);
  const keeper = daemon.keeperPid() ?? 0;
  expect(isAlive(keeper)).toBe(true);
  process.kill(keeper, 'SIGKILL');
  const next = await eventually(() => {
    const pid = daemon.keeperPid();
    return pid === keeper ? undefined : pid;
  }, patience);
  await eventually(() => daemon.log().includes('the keeper of the master ended (SIGKILL)'));
  await killMaster(daemon);
  expect(isAlive(next)).toBe(false);
  await conversation.goesOn();
  await conversation.end();
  await stopAll(daemon);
});

test('kill -9 of master and keeper at once: the others end by themselves, after a while', async () => {
  const daemon = await startTalkingDaemon();
  const members = await enterAll(daemon, ['ann', 'bob']);
  const conversation = new Conversation(members);
  await conversation.goesOn();
  const killed = [daemon.keeperPid() ?? 0, daemon.masterPid()];
  for (const pid of killed) process.kill(pid, 'SIGKILL');
  const killedAt = performance.now();
  await conversation.goesOn();
  await Promise.all([...members.values()].map((client) => client.ended));
  await eventually(() => [...daemon.pids].filter(isAlive).length === 0, { timeoutMs: 15_000 });
  const livedMs = performance.now() - killedAt;
  expect(livedMs).toBeGreaterThan(9_000);
  expect(daemon.log()).toContain('no master has come: stopping');
  expect((await daemon.command('status')).stderr).toMatch(/^start\.js is not running \(removed /);
  expect((await daemon.command('stop')).stderr).toBe('start.js is not running\n');
});

test('stop ends what a master and a keeper that were killed have left behind', async () => {
  const daemon = await startTalkingDaemon();
  const ann = await daemon.enter('ann');
  for (const pid of [daemon.keeperPid() ?? 0, daemon.masterPid()]) process.kill(pid, 'SIGKILL');
  const stop = await daemon.command('stop');
  expect(stop).toMatchObject({ exitCode: 0, stderr: '' });
  await expectNothingLeft(daemon);
  expect((await ann.ended).code).toBe(1001);
});

test('a master that cannot start is tried again with pauses, until it can; commands say so', async () => {
  const daemon = await startTalkingDaemon();
  const members = await enterAll(daemon, ['ann', 'bob']);
  const conversation = new Conversation(members);
  const broken = await daemon.folder.write('broken', '');
  const killed = daemon.masterPid();
  process.kill(killed, 'SIGKILL');
  await eventually(() => daemon.log().includes('it is started again in 1000 ms'), patience);
  // As long as there is none, new clients are served by the gateways that it has left behind.
  const eve = await daemon.enter('eve');
  await talk(eve, 'eve', members);
  expect(daemon.log()).toContain('takes new clients by itself until the next master is there');
  await conversation.goesOn();
  await rm(broken);
  await untilHealed(daemon, killed);
  const fay = await daemon.enter('fay');
  await talk(fay, 'fay', new Map([...members, ['eve', eve]]));
  await conversation.goesOn();
  await conversation.end();

  await daemon.folder.write('broken', '');
  process.kill(daemon.masterPid(), 'SIGKILL');
  expect(await daemon.command('status')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `the master of start.js was killed and is being started again; see ${daemon.folder.path}/start.log\n`,
  });
  await stopAll(daemon);
  expect(members.get('ann')?.isOpen).toBe(false);
});

test('a start beside the keeper: one of them wins, and there is one master', async () => {
  const daemon = await startTalkingDaemon();
  const ann = await daemon.enter('ann');
  const killed = daemon.masterPid();
  process.kill(killed, 'SIGKILL');
  const start = await daemon.command('start', '-d');
  if (start.exitCode === 0) expect(start.stdout).toContain('Running in the background.');
  else expect(start.stderr).toMatch(/already running|being started already/);
  await untilHealed(daemon, killed);
  ann.send('who');
  await eventually(() => ann.messages.some((text) => String(text).startsWith('who ')), patience);
  expect(ann.isOpen).toBe(true);
  await stopAll(daemon);
});
