import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFlags, repositoryRoot } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createLogger, openLog } from './logger.ts';

/** A path for a log file that is removed after the test. */
function temporaryLogFile(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'gatewayworker-logger-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  return join(folder, 'start.log');
}

function readLines(file: string): unknown[] {
  const text = fs.readFileSync(file, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

/** Runs a script in a child process and returns its output. */
function runScript(script: string): string {
  const source = '--conditions=@gatewayworker/source';
  const flags = [source, ...nodeFlags('script.ts'), '--input-type=module'];
  const code = `import { createLogger } from '@gatewayworker/core';\n${script}`;
  return execFileSync(process.execPath, [...flags, '-e', code], { cwd: repositoryRoot }).toString();
}

test('logger: writes one JSON line per call, with the bound fields', () => {
  const file = temporaryLogFile();
  const logger = createLogger({ file, stdout: false, fields: { role: 'gateway', id: 2 } });
  logger.info({ clients: 5 }, 'line one\nline two');
  logger.child({ clientId: 'abc' }).warn('careful');
  const lines = readLines(file);
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatchObject({
    level: 30,
    pid: process.pid,
    role: 'gateway',
    id: 2,
    clients: 5,
    msg: 'line one\nline two',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
  expect(lines[1]).toMatchObject({ level: 40, clientId: 'abc', msg: 'careful' });
});

test('logger: appends to an existing file', () => {
  const file = temporaryLogFile();
  createLogger({ file, stdout: false }).info('first');
  createLogger({ file, stdout: false }).info('second');
  expect(readLines(file)).toMatchObject([{ msg: 'first' }, { msg: 'second' }]);
});

test('logger: writes no line below its level', () => {
  const file = temporaryLogFile();
  const logger = createLogger({ file, stdout: false, level: 'warn' });
  logger.info('quiet');
  logger.warn('loud');
  expect(readLines(file)).toMatchObject([{ msg: 'loud' }]);
});

test('logger: writes debug lines with level debug', () => {
  const file = temporaryLogFile();
  createLogger({ file, stdout: false, level: 'debug' }).debug('fine');
  expect(readLines(file)).toMatchObject([{ level: 20, msg: 'fine' }]);
});

test('logger: writes an error with its stack and its cause', () => {
  const file = temporaryLogFile();
  const err = new Error('outer', { cause: new Error('inner') });
  createLogger({ file, stdout: false }).error({ err }, 'failed');
  expect(readLines(file)).toMatchObject([
    { err: { type: 'Error', stack: expect.stringMatching(/outer[\s\S]*inner/) } },
  ]);
});

test('logger: the length of a text is bounded in every field', () => {
  const file = temporaryLogFile();
  const text = 'x'.repeat(1_000_000);
  const logger = createLogger({ file, stdout: false, fields: { name: text } });
  logger.error({ err: new Error(text, { cause: new Error(text) }), field: text }, text);
  logger.child({ bound: text }).info(new AggregateError([new Error(text)], text));
  expect(readLines(file)).toMatchObject([
    { field: expect.stringContaining('characters left out') },
    { bound: expect.stringContaining('characters left out') },
  ]);
  expect(fs.statSync(file).size).toBeLessThan(64 * 1024);
});

const secretKey = 'hunter2';

test.each<[string, Record<string, unknown>]>([
  ['at the top', { secretKey }],
  ['in an object', { options: { secretKey } }],
  ['in an object of an object', { start: { options: { secretKey } } }],
  ['in a list', { processes: [{ secretKey }] }],
  ['deep down', { a: { b: { c: { secretKey } } } }],
  ['in an error', { err: Object.assign(new Error('x'), { secretKey }) }],
  ['in the options of an error', { err: Object.assign(new Error('x'), { o: { secretKey } }) }],
])('logger: redacts a secret key %s', (_where, fields) => {
  const file = temporaryLogFile();
  const logger = createLogger({ file, stdout: false });
  logger.info(fields, 'options');
  logger.child(fields).info('child');
  const text = fs.readFileSync(file, 'utf8');
  expect(text).not.toContain(secretKey);
  expect(text).toContain('[redacted]');
});

test('logger: does not change the logged object', () => {
  const options = { secretKey, nested: { secretKey } };
  createLogger({ file: temporaryLogFile(), stdout: false }).info(options, 'options');
  expect(options).toEqual({ secretKey, nested: { secretKey } });
});

test('logger: redacts a secret key in its bound fields', () => {
  const file = temporaryLogFile();
  createLogger({ file, stdout: false, fields: { secretKey } }).info('x');
  expect(fs.readFileSync(file, 'utf8')).not.toContain(secretKey);
});

test('logger: writes JSON lines to a pipe, and none with stdout: false', () => {
  const text = runScript(`
    createLogger({ fields: { role: 'gateway' } }).info('hello');
    createLogger({ stdout: false }).info('silent');
  `);
  expect(JSON.parse(text)).toMatchObject({ role: 'gateway', msg: 'hello' });
});

test('logger: a field that throws when it is read drops only its line', () => {
  const file = temporaryLogFile();
  const logger = createLogger({ file, stdout: false });
  const hostile = {
    get clients() {
      throw new Error('no');
    },
  };
  logger.error(hostile, 'lost');
  logger.info('next');
  expect(readLines(file)).toMatchObject([
    { msg: 'a log line was dropped: one of its fields cannot be read' },
    { msg: 'next' },
  ]);
});

test('logger: reopen writes to a new file after a rotation', () => {
  const file = temporaryLogFile();
  const log = openLog({ file, stdout: false });
  log.logger.info('one');
  fs.renameSync(file, `${file}.1`);
  log.logger.info('two');
  log.reopen();
  log.logger.info('three');
  expect(readLines(`${file}.1`)).toMatchObject([{ msg: 'one' }, { msg: 'two' }]);
  expect(readLines(file)).toMatchObject([{ msg: 'three' }]);
});
