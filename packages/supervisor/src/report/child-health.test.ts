import { emptyRoleStatus } from '@gatewayworker/core';
import { expect, test } from 'vitest';
import type { ChildReport } from '../control/child-protocol.ts';
import { Role } from '../process-declaration.ts';
import { type CheckedChild, type ChildSnapshot, checkHealth } from './child-health.ts';
import type { ProcessState } from './status-report.ts';

const declaration = { role: Role.gateway, name: 'front' };
const timeouts = { answerMs: 1_000, startMs: 10_000 };
const readyReport = { ...emptyRoleStatus, memory: 1, qps: 0, eventLoopLagMs: 0, droppedLines: 0 };

/** A process with a fixed answer that records the timeouts of the requests. */
class Child implements CheckedChild {
  readonly pid = 7;
  readonly livedMs: number;
  readonly timeoutsMs: number[] = [];
  readonly #report: ChildReport | undefined;
  onAsked = (): void => undefined;

  constructor(report: ChildReport | undefined, livedMs = 100_000) {
    this.#report = report;
    this.livedMs = livedMs;
  }

  async report(timeoutMs: number): Promise<ChildReport | undefined> {
    this.timeoutsMs.push(timeoutMs);
    this.onAsked();
    return this.#report;
  }
}

async function check(child: Child | undefined, state: ProcessState) {
  const { live, ready, reasons } = await checkHealth(
    declaration,
    0,
    () => ({ child, state }),
    timeouts,
  );
  return [live, ready, reasons];
}

test('health: a process that answers and is ready is live and ready', async () => {
  const child = new Child(readyReport);
  expect(await checkHealth(declaration, 3, () => ({ child, state: 'ready' }), timeouts)).toEqual({
    pid: 7,
    role: 'gateway',
    name: 'front',
    id: 3,
    live: true,
    ready: true,
    reasons: [],
    warnings: [],
  });
  expect(child.timeoutsMs).toEqual([1_000]);
});

test('health: an unready process is live, with the reasons that it reports', async () => {
  const notReadyReasons = ['no register is linked', 'no business worker is linked'];
  expect(await check(new Child({ ...readyReport, notReadyReasons }), 'ready')).toEqual([
    true,
    false,
    notReadyReasons,
  ]);
  expect(await check(new Child({ ...readyReport, ready: false }), 'ready')).toEqual([
    true,
    false,
    ['it cannot do its work at the moment'],
  ]);
});

test('health: a process with warnings is ready', async () => {
  const warnings = ['no register is linked'];
  const child = new Child({ ...readyReport, warnings });
  const health = await checkHealth(declaration, 0, () => ({ child, state: 'ready' }), timeouts);
  expect(health).toMatchObject({ live: true, ready: true, reasons: [], warnings });
});

test('health: a ready process that does not answer is not live', async () => {
  const reasons = ['it has not answered for a second'];
  expect(await check(new Child(undefined), 'ready')).toEqual([false, false, reasons]);
});

test('health: a starting process need not answer, and has a short timeout', async () => {
  const early = new Child(undefined, 9_000);
  expect(await check(early, 'starting')).toEqual([true, false, ['it is starting']]);
  expect(early.timeoutsMs).toEqual([200]);
  const notReadyReasons = ['no register is linked'];
  const reasons = ['it is starting', ...notReadyReasons];
  expect(await check(new Child({ ...readyReport, notReadyReasons }, 9_000), 'starting')).toEqual([
    true,
    false,
    reasons,
  ]);
  const late = new Child(undefined, 11_000);
  expect((await check(late, 'starting')).slice(0, 2)).toEqual([false, false]);
  expect(late.timeoutsMs).toEqual([1_000]);
  expect(await check(new Child(readyReport, 11_000), 'starting')).toEqual([
    true,
    false,
    ['it is starting'],
  ]);
});

test.each([
  ['waiting', 'it ended too often and is started again after a pause'],
  ['stopped', 'it is not running'],
  ['drained', 'it was drained'],
] as const)('health: a process that is %s is live and not ready', async (state, reason) => {
  expect(await check(undefined, state)).toEqual([true, false, [reason]]);
});

test('health: a stopping process is not ready and need not answer', async () => {
  for (const report of [readyReport, undefined]) {
    expect(await check(new Child(report), 'stopping')).toEqual([true, false, ['it is stopping']]);
  }
});

test.each<[ChildSnapshot['state'], readonly string[]]>([
  ['starting', ['it is starting']],
  ['waiting', ['it ended too often and is started again after a pause']],
])(
  'health: a process that ends during the request does not count as hung: %s',
  async (state, reasons) => {
    const child = new Child(undefined);
    let now: ChildSnapshot = { child, state: 'ready' };
    child.onAsked = () => {
      now = { child: state === 'starting' ? new Child(readyReport) : undefined, state };
    };
    const health = await checkHealth(declaration, 0, () => now, timeouts);
    expect(health).toMatchObject({ live: true, ready: false, reasons });
  },
);

test('health: a process that begins to stop during the request is not ready', async () => {
  const child = new Child(readyReport);
  let state: ProcessState = 'ready';
  child.onAsked = () => {
    state = 'stopping';
  };
  const health = await checkHealth(declaration, 0, () => ({ child, state }), timeouts);
  expect(health).toMatchObject({ live: true, ready: false, reasons: ['it is stopping'] });
});
