import { spawn } from 'node:child_process';
import {
  childPids,
  endProcess,
  eventually,
  isAlive,
  isKeeper,
  nodeFlags,
  runCommand,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Conversation, patience, talk } from './conversation.ts';
import {
  enterAll,
  expectNothingLeft,
  pidsOf,
  startTalkingForeground,
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
To have it here again: ${process.execPath} `,
  );
  expect(foreground.output()).toMatch(/To stop it: \S+ \S+start\.js stop\n/);
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
  expect(await cluster.command('start', '-d')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `already running (pid ${next.pid})\n`,
  });
  const workers = pidsOf(before.filter(({ role }) => role === 'business-worker'));
  await eventually(() => !workers.some(isAlive), patience);
  await conversation.goesOn();
  await talk(eve, 'eve', new Map([...members, ['eve', eve]]));

  // A process manager starts what was killed at once, beside the keeper.
  await next.killMaster();
  const last = await cluster.startHere();
  expect(await untilHealed(cluster, next.pid)).toBe(last.pid);
  await conversation.goesOn();
  await conversation.end();
  expect(eve.isOpen).toBe(true);

  process.kill(last.pid, 'SIGINT');
  expect(await last.ended()).toEqual({ code: 0, signal: null });
  await expectNothingLeft(cluster);
});

test('of two starts at once beside a stand-in one is in charge, and the other says so', async () => {
  const cluster = await startTalkingForeground();
  const ann = await cluster.enter('ann');
  let { pid } = cluster.foreground;
  for (let round = 0; round < 2; round++) {
    process.kill(pid, 'SIGKILL');
    await untilHealed(cluster, pid);
    const starts = await Promise.allSettled([cluster.startHere(), cluster.startHere()]);
    const winners = starts.filter((start) => start.status === 'fulfilled');
    const losers = starts.filter((start) => start.status === 'rejected');
    expect([winners.length, losers.length]).toEqual([1, 1]);
    expect(String(losers[0]?.reason)).toMatch(/already running \(pid \d+\)|being started already/);
    pid = winners[0]?.value.pid ?? 0;
    expect(await untilHealed(cluster, 0)).toBe(pid);
  }
  expect(ann.isOpen).toBe(true);
  process.kill(pid, 'SIGINT');
  await eventually(() => !isAlive(pid), patience);
  await cluster.status().catch(() => undefined);
  await expectNothingLeft(cluster);
});

test('kill -9 of the whole process group leaves nothing behind that starts again', async () => {
  const folder = await temporaryFolder('foreground-kill');
  onTestFinished(folder.dispose);
  const file = await folder.write(
    'start.js',
    "import { run, Worker } from 'gatewayworker';\nnew Worker({ name: 'web' });\nrun();\n",
  );
  const master = spawn(process.execPath, [...nodeFlags(file), file, 'start'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = master.pid ?? 0;
  onTestFinished(() => endProcess(pid));
  let printed = '';
  master.stdout.on('data', (text: Buffer) => {
    printed += text;
  });
  await eventually(() => printed.includes('Press Ctrl+C to stop.'), patience);
  const pids = [pid, ...childPids(pid)];
  expect(pids.filter(isKeeper)).toHaveLength(1);
  process.kill(-pid, 'SIGKILL');
  await eventually(() => !pids.some(isAlive), patience);
  expect((await runCommand(file, ['status'])).stderr).toMatch(
    /^start\.js is not running \(removed /,
  );
});
