import { expect, test } from 'vitest';
import { emptyRoleStatus } from './role-runtime.ts';
import {
  copyFigures,
  figureEntries,
  parseFigures,
  type StatusFigure,
  sumLoad,
  zeroFigures,
} from './status-figures.ts';

const zeros = {
  ...{ connections: 0, inFlight: 0, sent: 0, received: 0, failedSends: 0, requests: 0 },
  ...{ limits: {}, tables: {} },
};

test('statusFigures: columns are unique, and so are their drop orders', () => {
  const columns = figureEntries.flatMap(([, { column, dropOrder }]): StatusFigure['column'][] =>
    column === undefined ? [] : [column, String(dropOrder)],
  );
  expect(new Set(columns).size).toBe(columns.length);
});

test('zeroFigures: every figure of the source is 0 or empty', () => {
  expect(zeroFigures('role')).toEqual(zeros);
  expect(emptyRoleStatus).toMatchObject(zeros);
});

test('parseFigures: a missing figure is 0, others are read', () => {
  const limits = { origin: 2, wrong: 'x' };
  expect(parseFigures({ sent: 7, limits, extra: 1 }, ['role'])).toEqual({
    ...zeros,
    ...{ sent: 7, limits: { origin: 2 } },
  });
});

test.each([{ sent: '7' }, { sent: Number.NaN }, { limits: 7 }, { qps: {} }])(
  'parseFigures: refuses a figure of another type: %j',
  (value) => {
    expect(parseFigures(value, ['role', 'process'])).toBeUndefined();
  },
);

test('copyFigures: copies the figures of the sources only', () => {
  const figures = { memory: 1, qps: 2, eventLoopLagMs: 3, droppedLines: 4 };
  const report = { ...emptyRoleStatus, ...figures };
  expect(copyFigures(report, ['process'])).toEqual(figures);
  expect(copyFigures(report, ['role', 'process'])).toEqual({ ...zeros, ...figures });
});

test('copyFigures: every figure of a missing report is null', () => {
  const copied = copyFigures(undefined, ['process']);
  expect(copied).toEqual({ memory: null, qps: null, eventLoopLagMs: null, droppedLines: null });
});

test('sumLoad: adds messages received and queries answered', () => {
  expect(sumLoad({ ...zeroFigures('role'), sent: 1, received: 20, requests: 300 })).toBe(320);
});
