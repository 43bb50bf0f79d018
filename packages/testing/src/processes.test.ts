import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { eventually } from './eventually.ts';
import { childPids, endProcess, isAlive } from './processes.ts';

function startIdleProcess(code: string): number {
  const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
  if (child.pid === undefined) throw new Error('no process');
  return child.pid;
}

test('end process: ends a process and its children', async () => {
  const grandchild = 'setInterval(() => {}, 1_000)';
  const pid = startIdleProcess(
    `require('child_process').spawn(process.execPath, ['-e', '${grandchild}']); setInterval(() => {}, 1_000)`,
  );
  const [childPid = 0] = await eventually(() => {
    const pids = childPids(pid);
    return pids.length === 1 && pids;
  });
  expect(isAlive(childPid)).toBe(true);
  await endProcess(pid, 500);
  expect([isAlive(pid), isAlive(childPid)]).toEqual([false, false]);
});

test('end process: ignores a process that has ended', async () => {
  const pid = startIdleProcess('');
  await eventually(() => !isAlive(pid));
  await endProcess(pid);
});
