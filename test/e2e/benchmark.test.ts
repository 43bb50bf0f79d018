import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand, skipReason, temporaryFolder } from '@gatewayworker/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { BenchmarkResult } from '../../benchmark/src/result.ts';

const file = fileURLToPath(new URL('../../benchmark/dist/main.js', import.meta.url));
// Long enough for two of the messages that are sent four times a second.
const brief = [
  '--seconds',
  '0.6',
  '--warm',
  '0.1',
  '--idle',
  '1',
  '--rounds',
  '1',
  '--clients',
  '40',
];

/** Runs the benchmark and answers what it has printed and written. */
async function bench(args: readonly string[]) {
  const folder = await temporaryFolder('bench-results');
  onTestFinished(folder.dispose);
  const document = await folder.write(
    'performance.md',
    ['machine', 'chart', 'echo-deep']
      .map((name) => `<!-- bench:${name} --><!-- /bench:${name} -->\n`)
      .join(''),
  );
  const command = await runCommand(
    file,
    [...brief, '--results', folder.path, ...args.map((arg) => arg.replace('DOCUMENT', document))],
    { timeoutMs: 110_000 },
  );
  const read = (name: string) => readFile(join(folder.path, name), 'utf8');
  const names = await readdir(folder.path);
  const figures = names.find((name) => name.endsWith('.json'));
  const result: BenchmarkResult = figures ? JSON.parse(await read(figures)) : { scenarios: [] };
  return { command, result, names, read };
}

/** Names of the figures that each contender has shown, by scenario and contender. */
function figuresOf({ scenarios }: BenchmarkResult): Record<string, string[]> {
  return Object.fromEntries(
    scenarios.flatMap(({ scenario, contenders }) =>
      contenders.map(({ contender, median }) => [`${scenario} ${contender}`, Object.keys(median)]),
    ),
  );
}

const reason = skipReason('redis-server');
const latencies = ['p50Ms', 'p99Ms', 'maxMs'];
const load = ['messagesPerSecond', ...latencies, 'cpuMicrosPerMessage', 'generatorLoad'];

describe('the benchmark', { timeout: 120_000 }, () => {
  test('benchmark: measures every kind of scenario', async () => {
    const { command, result } = await bench([
      ...['--only', 'connect,idle-10k,push-uid,broadcast-10k'],
      ...['--contenders', 'gatewayworker-1x1'],
    ]);
    expect(command).toMatchObject({ exitCode: 0, stderr: '' });
    expect(figuresOf(result)).toEqual({
      'connect gatewayworker-1x1': [
        ...['connectionsPerSecond', ...latencies, 'cpuMicrosPerConnection'],
      ],
      'idle-10k gatewayworker-1x1': ['bytesPerConnection'],
      'push-uid gatewayworker-1x1': load,
      'broadcast-10k gatewayworker-1x1': [
        ...['messagesPerSecond', ...latencies, 'spreadMs', 'cpuMicrosPerMessage', 'generatorLoad'],
      ],
    });
  });

  test('benchmark: writes figures into a document, prints a table without colours', async () => {
    const { command, names, read } = await bench([
      ...['--only', 'echo-deep', '--contenders', 'raw-ws,gatewayworker-1x1', '--generators', '2'],
      ...['--write', 'DOCUMENT'],
    ]);
    expect(command).toMatchObject({ exitCode: 0, stderr: '' });
    expect(command.stdout).toMatch(/^raw ws +[\d,]+ +1\.00 /m);
    expect(command.stdout).not.toContain('\u001b');
    expect(await read('performance.md')).toMatch(/^\| gatewayworker 1×1 \| [\d,]+ \| [\d.]+ \|/m);
    expect(names.filter((name) => name.endsWith('.svg'))).toHaveLength(2);
    expect(await read('performance.svg')).toContain('Echo, 4 in flight per client');
  });
});

test('benchmark: names wrong arguments', async () => {
  const { command } = await bench(['--only', 'nothing']);
  expect(command).toMatchObject({ exitCode: 2, stdout: '' });
  expect(command.stderr).toContain("there is no scenario 'nothing'; known: echo-deep, ");
});

test.skipIf(reason !== '')(
  `benchmark: measures Socket.IO${reason}`,
  { timeout: 120_000 },
  async () => {
    const { command, result } = await bench([
      ...['--only', 'uid,push-uid', '--contenders', 'socket.io-2'],
    ]);
    expect(command).toMatchObject({ exitCode: 0, stderr: '' });
    expect(figuresOf(result)).toEqual({
      'uid socket.io-2': load,
      'push-uid socket.io-2': load,
    });
  },
);
