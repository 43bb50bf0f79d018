import { mkdir, rm } from 'node:fs/promises';
import { captureLogger, eventually, temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { FileWatcher } from './file-watcher.ts';

async function startWatcher(onChange: (paths: readonly string[]) => Promise<void>) {
  const folder = await temporaryFolder('file-watcher');
  onTestFinished(folder.dispose);
  await folder.write('src/deep/events.ts', '');
  await folder.write('node_modules/dependency/index.js', '');
  const watcher = new FileWatcher(folder.path, {
    ignored: [`${folder.path}/state.json`],
    logger: captureLogger().logger,
    onChange,
  });
  onTestFinished(() => watcher.close());
  return folder;
}

test('file watcher: reports changed sources of all folders together, nothing else', async () => {
  const calls: (readonly string[])[] = [];
  const folder = await startWatcher(async (paths) => void calls.push(paths));
  await folder.write('node_modules/dependency/index.js', '1');
  await folder.write('.git/index.ts', '1');
  await folder.write('state.json', '1');
  await folder.write('start.log', '1');
  await folder.write('src/deep/events.ts', '1');
  await folder.write('start.ts', '1');
  await eventually(() => calls.length > 0);
  expect([...(calls[0] ?? [])].sort()).toEqual([
    `${folder.path}/src/deep/events.ts`,
    `${folder.path}/start.ts`,
  ]);
});

test('file watcher: a folder created later is watched', async () => {
  const seen = new Set<string>();
  const folder = await startWatcher(async (paths) => {
    for (const path of paths) seen.add(path);
  });
  await mkdir(`${folder.path}/later`);
  await eventually(async () => {
    await folder.write('later/events.ts', '1');
    return seen.has(`${folder.path}/later/events.ts`);
  });
  seen.clear();
  await rm(`${folder.path}/later`, { recursive: true });
  await eventually(async () => {
    await folder.write('later/again/events.ts', '2');
    return seen.has(`${folder.path}/later/again/events.ts`);
  });
});

test('file watcher: changes during a report lead to one more report', async () => {
  const calls: (readonly string[])[] = [];
  let settle = () => {};
  const folder = await startWatcher((paths) => {
    calls.push(paths);
    return new Promise((resolve) => {
      settle = resolve;
    });
  });
  await folder.write('one.ts', '1');
  await eventually(() => calls.length === 1);
  await folder.write('two.ts', '1');
  await folder.write('three.ts', '1');
  await eventually(() => {
    settle();
    return calls.length === 2;
  });
  expect([...(calls[1] ?? [])].sort()).toEqual([
    `${folder.path}/three.ts`,
    `${folder.path}/two.ts`,
  ]);
});
