import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeFolders } from './make-folders.ts';

function temporaryFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'gatewayworker-folders-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

test('makeFolders: creates missing folders with the mode, and keeps existing ones', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'a', 'b', 'c');
  makeFolders(path, 0o700);
  makeFolders(path, 0o700);
  expect(fs.statSync(path).mode & 0o777).toBe(0o700);
  expect(fs.statSync(join(folder, 'a')).mode & 0o777).toBe(0o700);
  fs.symlinkSync(path, join(folder, 'link'));
  makeFolders(join(folder, 'link', 'd'));
  expect(fs.existsSync(join(path, 'd'))).toBe(true);
});

test('makeFolders: a file in the path is an error', () => {
  const folder = temporaryFolder();
  fs.writeFileSync(join(folder, 'file'), '');
  expect(() => makeFolders(join(folder, 'file'))).toThrow('EEXIST');
  expect(() => makeFolders(join(folder, 'file', 'a', 'b'))).toThrow('ENOTDIR');
});

test.skipIf(!fs.existsSync('/proc/self'))('makeFolders: a path below /proc fails at once', () => {
  expect(() => makeFolders('/proc/x')).toThrow('ENOENT');
  expect(() => makeFolders('/proc/x/y/z')).toThrow('ENOENT');
});
