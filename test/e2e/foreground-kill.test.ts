import { spawn } from 'node:child_process';
import { eventually, isAlive, nodeFlags } from '@gatewayworker/testing';
import { expect, test, vi } from 'vitest';
import { Conversation, patience, talk } from './conversation.ts';
import {
  enterAll,
  expectNothingLeft,
  pidsOf,
  startTalkingForeground,
  stopAll,
  untilHealed,
} from './talking-cluster.ts';

vi.setConfig({ testTimeout: 400_000 });

test('kill -9 of a master in the foreground: clients notice nothing, and the terminal is told what goes on', async () => {
  const cluster = await startTalkingForeground();
  const before = await cluster.status();
  const members = await enterAll(cluster, ['ann', 'bob', 'cid', 'dan']);
  const conversation = new Conversation(members);
  await conversation.goesOn();

  const { foreground } = cluster;
  await foreground.killMaster();
  const killedAt = performance.now();
  const eve = await cluster.enter('eve');
  const servedMs = Math.round(performance.now() - killedAt);
  process.stdout.write(`a new client was served ${servedMs} ms after the master was killed\n`);
  const standIn = await untilHealed(cluster, foreground.pid);
  expect(foreground.output()).toContain(
    `The master of start.js (pid ${foreground.pid}) was killed. Another one goes on in the background.
To have it here again: start.js start. To stop it: start.js stop
`,
  );
  expect(foreground.output()).not.toContain('going on until the next one');
  expect(cluster.log()).toContain('the master is gone: going on until the next one is there');

  // The next one in the foreground takes its place.
  const next = await cluster.startHere();
  expect(next.output()).toContain(
    `Took over from process ${standIn}, which went on in the background.`,
  );
  expect(isAlive(standIn)).toBe(false);
  expect(cluster.masterPid()).toBe(next.pid);
  await untilHealed(cluster, standIn);
  const workers = pidsOf(before.filter(({ role }) => role === 'business-worker'));
  await eventually(() => !workers.some(isAlive), patience);
  await conversation.goesOn();
  await talk(eve, 'eve', new Map([...members, ['eve', eve]]));
  await conversation.end();
  expect(eve.isOpen).toBe(true);

  process.kill(next.pid, 'SIGINT');
  expect(await next.ended()).toEqual({ code: 0, signal: null });
  await expectNothingLeft(cluster);
});

test('a process manager that starts what was killed at once gets it: clients stay', async () => {
  const cluster = await startTalkingForeground();
  const members = await enterAll(cluster, ['ann', 'bob']);
  const conversation = new Conversation(members);
  await cluster.foreground.killMaster();
  const next = await cluster.startHere();
  expect(await untilHealed(cluster, cluster.foreground.pid)).toBe(next.pid);
  expect(cluster.keeperPid()).toBeDefined();
  await conversation.goesOn();

  await next.killMaster();
  const standIn = await untilHealed(cluster, next.pid);
  expect(await cluster.command('start', '-d')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `already running (pid ${standIn})\n`,
  });
  await conversation.goesOn();
  await conversation.end();
  await stopAll(cluster);
});

test('kill -9 of the keeper in the foreground: another one is there', async () => {
  const cluster = await startTalkingForeground();
  const keeper = cluster.keeperPid() ?? 0;
  process.kill(keeper, 'SIGKILL');
  await eventually(() => ![keeper, undefined].includes(cluster.keeperPid()), patience);
  const ann = await cluster.enter('ann');
  await cluster.foreground.killMaster();
  await untilHealed(cluster, cluster.foreground.pid);
  expect(ann.isOpen).toBe(true);
  await stopAll(cluster);
});

test('kill -9 of the whole process group leaves nothing behind that starts again', async () => {
  const cluster = await startTalkingForeground();
  await stopAll(cluster);
  const file = `${cluster.folder.path}/start.js`;
  const master = spawn(process.execPath, [...nodeFlags(file), file, 'start'], {
    detached: true,
    stdio: 'ignore',
  });
  const isReady = async () => {
    const processes = await cluster.status();
    return processes.length === 6 && processes.every(({ state }) => state === 'ready');
  };
  await eventually(isReady, patience);
  await eventually(() => cluster.keeperPid() !== undefined, patience);
  const pids = [...cluster.pids];
  process.kill(-(master.pid ?? 0), 'SIGKILL');
  await eventually(() => !pids.some(isAlive), patience);
  expect((await cluster.command('status')).stderr).toMatch(/^start\.js is not running \(removed /);
});
