import { emptyRoleStatus } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import type { ChildReport } from '../control/child-protocol.ts';
import { Role } from '../process-declaration.ts';
import { type AskedChild, type ChildSnapshot, checkHealth } from './child-health.ts';
import type { ProcessState } from './status-report.ts';

const declaration = { role: Role.gateway, name: 'front' };
const times = { answerMs: 1_000, startMs: 10_000 };
const good = { ...emptyRoleStatus, memory: 1, qps: 0, eventLoopLagMs: 0, droppedLines: 0 };

/** A process that gives this answer, and notes the time that it was given. */
class Child implements AskedChild {
  readonly pid = 7;
  readonly livedMs: number;
  readonly waits: number[] = [];
  readonly #report: ChildReport | undefined;
  onAsked = (): void => undefined;

  constructor(report: ChildReport | undefined, livedMs = 100_000) {
    this.#report = report;
    this.livedMs = livedMs;
  }

  async report(timeoutMs: number): Promise<ChildReport | undefined> {
    this.waits.push(timeoutMs);
    this.onAsked();
    return this.#report;
  }
}

async function check(child: Child | undefined, state: ProcessState) {
  const { live, ready, reasons } = await checkHealth(
    declaration,
    0,
    () => ({ child, state }),
    times,
  );
  return [live, ready, reasons];
}

test('one that answers and can serve is live and ready', async () => {
  const child = new Child(good);
  expect(await checkHealth(declaration, 3, () => ({ child, state: 'ready' }), times)).toEqual({
    pid: 7,
    role: 'gateway',
    name: 'front',
    id: 3,
    live: true,
    ready: true,
    reasons: [],
    warnings: [],
  });
  expect(child.waits).toEqual([1_000]);
});

test('one that answers is live, and is not ready for the reasons that it gives', async () => {
  const notReadyReasons = ['no register is linked', 'no business worker is linked'];
  expect(await check(new Child({ ...good, notReadyReasons }), 'ready')).toEqual([
    true,
    false,
    notReadyReasons,
  ]);
  expect(await check(new Child({ ...good, ready: false }), 'ready')).toEqual([
    true,
    false,
    ['it cannot do its work at the moment'],
  ]);
});

test('health: a process that serves is ready, warnings included', async () => {
  const warnings = ['no register is linked'];
  const child = new Child({ ...good, warnings });
  const health = await checkHealth(declaration, 0, () => ({ child, state: 'ready' }), times);
  expect(health).toMatchObject({ live: true, ready: true, reasons: [], warnings });
});

test('one that should answer and does not is not live', async () => {
  const reasons = ['it has not answered for a second'];
  expect(await check(new Child(undefined), 'ready')).toEqual([false, false, reasons]);
});

test('health: a starting process is live without an answer, which is awaited briefly', async () => {
  const early = new Child(undefined, 9_000);
  expect(await check(early, 'starting')).toEqual([true, false, ['it is starting']]);
  expect(early.waits).toEqual([200]);
  const notReadyReasons = ['no register is linked'];
  const told = ['it is starting', ...notReadyReasons];
  expect(await check(new Child({ ...good, notReadyReasons }, 9_000), 'starting')).toEqual([
    true,
    false,
    told,
  ]);
  const late = new Child(undefined, 11_000);
  expect((await check(late, 'starting')).slice(0, 2)).toEqual([false, false]);
  expect(late.waits).toEqual([1_000]);
  expect(await check(new Child(good, 11_000), 'starting')).toEqual([
    true,
    false,
    ['it is starting'],
  ]);
});

test.each([
  ['waiting', 'it ended too often and is started again after a pause'],
  ['stopped', 'it is not running'],
  ['drained', 'it was drained'],
] as const)('one that is %s is not ready, and its master is at it', async (state, reason) => {
  expect(await check(undefined, state)).toEqual([true, false, [reason]]);
});

test('one that stops is not ready, and need not answer', async () => {
  for (const report of [good, undefined]) {
    expect(await check(new Child(report), 'stopping')).toEqual([true, false, ['it is stopping']]);
  }
});

test.each<[ChildSnapshot['state'], readonly string[]]>([
  ['starting', ['it is starting']],
  ['waiting', ['it ended too often and is started again after a pause']],
])(
  'one that died while it was asked is not taken for one that hangs: %s',
  async (state, reasons) => {
    const child = new Child(undefined);
    let now: ChildSnapshot = { child, state: 'ready' };
    child.onAsked = () => {
      now = { child: state === 'starting' ? new Child(good) : undefined, state };
    };
    const health = await checkHealth(declaration, 0, () => now, times);
    expect(health).toMatchObject({ live: true, ready: false, reasons });
  },
);

test('health: a process that begins to stop during the request is not ready', async () => {
  const child = new Child(good);
  let state: ProcessState = 'ready';
  child.onAsked = () => {
    state = 'stopping';
  };
  const health = await checkHealth(declaration, 0, () => ({ child, state }), times);
  expect(health).toMatchObject({ live: true, ready: false, reasons: ['it is stopping'] });
});
