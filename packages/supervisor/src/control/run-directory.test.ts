import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  assertOwnDirectory,
  controlPath,
  createRunDirectory,
  isRestorePending,
  removeRunDirectory,
  runDirectory,
  socketPath,
} from './run-directory.ts';

const isRoot = process.geteuid?.() === 0;
const user = process.geteuid?.() ?? 0;

function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'run-directory-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('run directory: is beside the pid file', () => {
  expect(runDirectory('/srv/chat/start.pid')).toBe('/srv/chat/start.run');
  expect(controlPath('/srv/chat/start.pid')).toBe('/srv/chat/start.run/master.sock');
});

test('run directory: is never the pid file itself', () => {
  expect(runDirectory('/srv/chat.run')).toBe('/srv/chat.run.run');
});

test('run directory: leaves room for the longest socket name, counted in bytes', () => {
  const longest = `/${'a'.repeat(72)}.pid`;
  const name = 'x'.repeat(24);
  expect(Buffer.byteLength(socketPath(longest, name, '/tmp'))).toBe(107);
  expect(runDirectory(longest, '/tmp')).toMatch(/^\/a+\.run$/);
  const own = new RegExp(`^/tmp/gatewayworker-${user}/[0-9a-f]{16}$`);
  expect(runDirectory(`/a${longest.slice(1)}`, '/tmp')).toMatch(own);
  expect(runDirectory(`/${'é'.repeat(40)}.pid`, '/tmp')).toMatch(own);
});

test('run directory: each pid file has its own; symbolic links do not change it', () => {
  const folder = temporaryDirectory();
  const real = join(folder, 'r'.repeat(100));
  const link = join(folder, 'l'.repeat(100));
  mkdirSync(real);
  symlinkSync(real, link);
  expect(runDirectory(join(link, 'a.pid'))).toBe(runDirectory(join(real, 'a.pid')));
  expect(runDirectory(join(real, 'b.pid'))).not.toBe(runDirectory(join(real, 'a.pid')));
});

test('run directory: is created for this user only, and removed when empty', () => {
  const folder = temporaryDirectory();
  for (const base of [folder, join(folder, 'deep'.repeat(30))]) {
    const socket = socketPath(join(base, 'start.pid'), 'master', folder);
    createRunDirectory(socket);
    expect(statSync(join(socket, '..')).mode & 0o777).toBe(0o700);
    expect(() => assertOwnDirectory(socket)).not.toThrow();
    removeRunDirectory(socket);
    expect(() => statSync(join(socket, '..'))).toThrow('ENOENT');
  }
});

test('run directory: creation corrects the mode of an open directory of this user', () => {
  const folder = temporaryDirectory();
  const socket = socketPath(join(folder, 'start.pid'), 'master');
  mkdirSync(join(folder, 'start.run'));
  chmodSync(join(folder, 'start.run'), 0o777);
  expect(() => assertOwnDirectory(socket)).toThrow(
    'is open to other users (mode 0777, allowed: 0700)',
  );
  createRunDirectory(socket);
  expect(() => assertOwnDirectory(socket)).not.toThrow();
});

test('run directory: a symbolic link is rejected', () => {
  const folder = temporaryDirectory();
  mkdirSync(join(folder, 'elsewhere'), { mode: 0o700 });
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'start.run'));
  const socket = socketPath(join(folder, 'start.pid'), 'master');
  expect(() => assertOwnDirectory(socket)).toThrow('start.run is not a directory');
  expect(() => createRunDirectory(socket)).toThrow('start.run is not a directory');
});

test.runIf(isRoot)('run directory: a directory of another user is rejected at each level', () => {
  const folder = temporaryDirectory();
  const long = join(folder, 'deep'.repeat(30), 'start.pid');
  for (const pidFile of [join(folder, 'start.pid'), long]) {
    const socket = socketPath(pidFile, 'master', folder);
    createRunDirectory(socket);
    chownSync(join(socket, '..'), 65_534, 65_534);
    const sentence = `belongs to another user (uid 65534, this is uid ${user})`;
    expect(() => assertOwnDirectory(socket)).toThrow(sentence);
    expect(() => createRunDirectory(socket)).toThrow(sentence);
  }
  const parent = join(folder, `gatewayworker-${user}`);
  rmSync(parent, { recursive: true });
  mkdirSync(parent);
  chownSync(parent, 65_534, 65_534);
  expect(() => assertOwnDirectory(socketPath(long, 'master', folder))).toThrow('another user');
});

test('run directory: a restore is pending only right after its files were removed', () => {
  const folder = temporaryDirectory();
  const pidFile = join(folder, 'start.pid');
  expect(isRestorePending(pidFile)).toBe(true);
  expect(isRestorePending(join(folder, 'gone/start.pid'))).toBe(false);
  writeFileSync(pidFile, '1');
  expect(isRestorePending(pidFile)).toBe(false);
  rmSync(pidFile);
  createRunDirectory(controlPath(pidFile));
  writeFileSync(controlPath(pidFile), '');
  expect(isRestorePending(pidFile)).toBe(false);
  rmSync(join(controlPath(pidFile), '..'), { recursive: true });
  const before = Date.now() / 1_000 - 10;
  utimesSync(folder, before, before);
  expect(isRestorePending(pidFile)).toBe(false);
});
