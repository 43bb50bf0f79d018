import { readFile, rename } from 'node:fs/promises';
import { temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { AppendFile } from './append-file.ts';

test('goes on in a new file once it is told that the old one was moved away', async () => {
  const folder = await temporaryFolder('append-file');
  onTestFinished(folder.dispose);
  const path = await folder.write('start.log', 'zero\n');
  const file = new AppendFile(path);
  file.append('one\n');
  await rename(path, `${path}.1`);
  file.append('two\n');
  file.reopen();
  file.append('three\n');
  expect(await readFile(`${path}.1`, 'utf8')).toBe('zero\none\ntwo\n');
  expect(await readFile(path, 'utf8')).toBe('three\n');
});
