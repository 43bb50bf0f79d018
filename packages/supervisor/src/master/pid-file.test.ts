import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readPidFile, writePidFile } from './pid-file.ts';

function temporaryFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'gatewayworker-pid-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

test('pid file: only its owner can read it and the folders created for it', () => {
  const path = join(temporaryFolder(), 'run', 'start.pid');
  writePidFile(path);
  expect(readPidFile(path)).toBe(process.pid);
  expect(fs.statSync(path).mode & 0o777).toBe(0o600);
  expect(fs.statSync(join(path, '..')).mode & 0o777).toBe(0o700);
  expect(fs.readdirSync(join(path, '..'))).toEqual(['start.pid']);
});

test('pid file: replaces a symbolic link instead of following it', () => {
  const folder = temporaryFolder();
  const [victim, path] = [join(folder, 'victim'), join(folder, 'start.pid')];
  fs.writeFileSync(victim, 'precious');
  fs.symlinkSync(victim, path);
  writePidFile(path);
  expect(fs.readFileSync(victim, 'utf8')).toBe('precious');
  expect(fs.lstatSync(path).isSymbolicLink()).toBe(false);
  expect(readPidFile(path)).toBe(process.pid);
});

test.each([
  ['/dev/null', 'it is not a regular file'],
  [tmpdir(), 'it is a directory'],
])('pid file: %s is rejected and left unchanged', (path, reason) => {
  expect(() => writePidFile(path)).toThrow(
    `option run.pidFile is "${path}"; it cannot be written: ${reason}`,
  );
  expect(fs.lstatSync(path).isFile()).toBe(false);
});
