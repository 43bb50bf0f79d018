import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { type DroppedLines, fileDestination, MAX_PENDING_OUTPUT_BYTES, Output } from './output.ts';

function temporaryFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'gatewayworker-output-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

/** An output to a FIFO, and its reader, which reads only when `read` is called. */
function openFifo() {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const reader = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  onTestFinished(() => fs.closeSync(reader));
  const buffer = Buffer.alloc(65_536);
  const read = (): string => {
    try {
      return buffer.toString('utf8', 0, fs.readSync(reader, buffer));
    } catch {
      return '';
    }
  };
  return { output: new Output(fileDestination(path)), read };
}

/** An output whose disk is full until `mend` is called. */
function openFullDisk() {
  const path = join(temporaryFolder(), 'log');
  let isFull = true;
  const output = new Output({
    name: path,
    open: () => (isFull ? fs.openSync('/dev/full', 'w') : fileDestination(path).open()),
    findEnd: () => fileDestination(path).findEnd?.(),
  });
  const reports: DroppedLines[] = [];
  output.onRecovered = (dropped) => reports.push(dropped);
  const mend = (): void => {
    isFull = false;
    output.reopen();
  };
  return { output, path, reports, mend };
}

const line = `${'x'.repeat(1_023)}\n`;

test('output: a line is in the file when the call returns, mode 0600', () => {
  const path = join(temporaryFolder(), 'logs', 'log');
  const output = new Output(fileDestination(path));
  expect(output.write('one\n')).toBe(true);
  expect(output.write(Buffer.from('two\n'))).toBe(true);
  expect(fs.readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  expect(fs.statSync(path).mode & 0o777).toBe(0o600);
  expect(fs.statSync(join(path, '..')).mode & 0o777).toBe(0o700);
});

test('output: a file that was removed or replaced is detached until it is reopened', () => {
  const path = join(temporaryFolder(), 'log');
  const output = new Output(fileDestination(path));
  output.write('one\n');
  expect(output.isDetached).toBe(false);
  fs.rmSync(path);
  expect(output.isDetached).toBe(true);
  fs.writeFileSync(path, '');
  expect(output.isDetached).toBe(true);
  output.reopen();
  expect(output.isDetached).toBe(false);
});

test('output: an existing file of this user gets mode 0600', () => {
  const path = join(temporaryFolder(), 'log');
  const modeAfter = (): number => {
    fs.chmodSync(path, 0o644);
    const output = new Output(fileDestination(path));
    output.write('one\n');
    output.reopen();
    return fs.statSync(path).mode & 0o777;
  };
  fs.writeFileSync(path, '');
  expect(modeAfter()).toBe(0o600);
  // Only root can give a file to another user, and write to it.
  if (process.geteuid?.() !== 0) return;
  fs.chownSync(path, 1, 1);
  expect(modeAfter()).toBe(0o644);
});

test('output: with a full disk 1 MiB is kept, the rest is counted and reported once', async () => {
  const { output, path, reports, mend } = openFullDisk();
  const kept = Math.floor(MAX_PENDING_OUTPUT_BYTES / (line.length + 64));
  for (let n = 0; n < kept + 5; n += 1) expect(output.write(line)).toBe(false);
  // After one dropped line all are dropped, so that lines are missing in one place only.
  output.write('short\n');
  expect(output.dropped).toBe(6);
  mend();
  await eventually(() => reports.length > 0);
  expect(reports).toEqual([{ lines: 6, reason: 'ENOSPC' }]);
  expect(fs.statSync(path).size).toBe(kept * line.length);
  expect(output.write('next\n')).toBe(true);
  expect(output.dropped).toBe(6);
  expect(reports).toHaveLength(1);
});

test('output: with a full disk a huge chunk and empty chunks stay within the limit', async () => {
  const { output, path, mend } = openFullDisk();
  output.write(Buffer.alloc(20 * MAX_PENDING_OUTPUT_BYTES, 'x'));
  expect(output.dropped).toBe(1);
  const other = openFullDisk();
  other.output.write('x\n');
  let done = 0;
  for (let n = 0; n < 100_000; n += 1) {
    other.output.write('', () => {
      done += 1;
    });
  }
  // The callbacks of dropped chunks are called at once.
  await eventually(() => done > 80_000);
  expect(done).toBeLessThan(100_000);
  mend();
  other.mend();
  await eventually(() => done === 100_000 && fs.existsSync(path));
  expect(fs.statSync(path).size).toBeLessThanOrEqual(MAX_PENDING_OUTPUT_BYTES);
});

test('output: a stalled reader does not block, and later gets complete lines', async () => {
  const { output, read } = openFifo();
  for (let n = 0; n < 200; n += 1) output.write(`${n} ${line}`);
  let isDone = false;
  output.write('last\n', () => {
    isDone = true;
  });
  let text = '';
  await eventually(() => {
    text += read();
    return text.endsWith('last\n');
  });
  const numbers = text.split('\n').map((part) => part.split(' ')[0]);
  expect(numbers).toEqual([...Array.from({ length: 200 }, (_, n) => String(n)), 'last', '']);
  expect(output.dropped).toBe(0);
  await eventually(() => isDone);
});

test('output: without a reader lines are dropped and no call throws', () => {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const reader = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  const output = new Output(fileDestination(path));
  output.write('one\n');
  fs.closeSync(reader);
  for (let n = 0; n < 2_000; n += 1) output.write(line);
  expect(output.dropped).toBeGreaterThan(900);
});

test('output: a file that cannot be opened is opened later', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'place', 'log');
  fs.writeFileSync(join(folder, 'place'), 'a file where a folder should be');
  const output = new Output(fileDestination(path));
  expect(output.write('one\n')).toBe(false);
  fs.rmSync(join(folder, 'place'));
  await eventually(() => fs.existsSync(path) && fs.readFileSync(path, 'utf8') === 'one\n');
});

test('output: kept lines are tried once more when the process exits', () => {
  const { output, path, mend } = openFullDisk();
  output.write('the last line\n');
  mend();
  for (const listener of process.listeners('exit').slice(-1)) listener(0);
  expect(fs.readFileSync(path, 'utf8')).toBe('the last line\n');
});

test.each([
  ['{"half":', '{"half":\nmine\n'],
  ['{"whole":1}\n', '{"whole":1}\nmine\n'],
  ['', 'mine\n'],
])('output: after a full disk that left %j the next line is complete', async (left, expected) => {
  const { output, path, mend } = openFullDisk();
  fs.writeFileSync(path, left);
  expect(output.write('mine\n')).toBe(false);
  mend();
  await eventually(() => fs.readFileSync(path, 'utf8') === expected);
});

test('output: the report of dropped lines starts on a new line', async () => {
  const { output, path, reports, mend } = openFullDisk();
  fs.writeFileSync(path, '{"half":');
  output.write(Buffer.alloc(2 * MAX_PENDING_OUTPUT_BYTES, 'x'));
  output.onRecovered = (dropped) => {
    reports.push(dropped);
    output.write('the report\n');
  };
  mend();
  await eventually(() => reports.length === 1);
  expect(fs.readFileSync(path, 'utf8')).toBe('{"half":\nthe report\n');
});
