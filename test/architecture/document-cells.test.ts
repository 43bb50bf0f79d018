import { resolveBusinessWorkerOptions } from '@gatewayworker/business-worker';
import { statusFigures } from '@gatewayworker/core';
import { resolveGatewayOptions } from '@gatewayworker/gateway';
import { resolveGatewayClientOptions } from '@gatewayworker/gateway-client';
import { ClosedBy, MAX_SESSION_BYTES } from '@gatewayworker/protocol';
import { resolveRegisterOptions } from '@gatewayworker/register';
import { resolveRunOptions } from '@gatewayworker/supervisor';
import { describe, expect, test } from 'vitest';
import { parseTableRows, readText } from './repository.ts';

type Row = ReturnType<typeof parseTableRows>[number];

/** Rows of the tables of a section, or of a subsection. */
function rowsOf(document: string, section: string): Row[] {
  const sections = readText(document).split(/^###? /m);
  return parseTableRows(sections.find((text) => text.startsWith(`${section}\n`)) ?? '');
}

/** The texts in backticks in a cell. */
function codeOf(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

/** The name in `name(first, second?)`. */
function nameOf(call: string): string {
  return /^[\w.]+/.exec(call)?.[0] ?? '';
}

describe('docs/api.md', () => {
  const methods = ['Connecting', 'Sends', 'Receipts', 'Queries'].flatMap((section) =>
    rowsOf('docs/api.md', section),
  );
  const queries = rowsOf('docs/api.md', 'Queries');
  const receipts = rowsOf('docs/api.md', 'Receipts');

  test('methods: throw a TypeError, and a RangeError for an argument that has a size', () => {
    const documented = methods
      .filter(({ name }) => nameOf(name) !== 'GatewayClient.connect')
      .map((row) => [row.name, codeOf(row.cells[4])]);
    const expected = methods
      .filter(({ name }) => nameOf(name) !== 'GatewayClient.connect')
      .map((row) => {
        const given = codeOf(row.cells[1]).map((argument) => argument.split(':')[0]);
        const hasSize = given.some((argument) => argument !== 'clientId');
        return [
          row.name,
          [
            ...(given.length > 0 ? ['TypeError'] : []),
            ...(hasSize ? ['RangeError'] : []),
            ...(queries.some(({ name }) => name === row.name)
              ? ['GW_ERR_NOT_CONNECTED', 'GW_ERR_PARTIAL_RESULT']
              : []),
            ...(receipts.some(({ name }) => name === row.name)
              ? ['GW_ERR_NOT_CONNECTED', 'GW_ERR_RECEIPTS_FULL', 'GW_ERR_PARTIAL_RESULT']
              : []),
          ],
        ];
      });
    expect(documented).toEqual(expected);
  });

  test('connect: throws the errors of its docstring', () => {
    const docstring = readText('packages/gateway-client/src/gateway-client.ts').split(
      'static async',
    )[0];
    const stated = [...(docstring ?? '').matchAll(/@throws \{(\w+)\}/g)].map((match) => match[1]);
    const row = methods.find(({ name }) => nameOf(name) === 'GatewayClient.connect');
    expect(stated).not.toEqual([]);
    expect(codeOf(row?.cells[4])).toEqual(stated);
  });

  test('methods: have their PHP names, except the renamed ones', () => {
    const renamed: Record<string, string> = {
      'GatewayClient.connect': '$registerAddress',
      destroyClient: 'destoryClient',
    };
    const wrong = methods
      .map(({ name, cells }) => [nameOf(name), codeOf(cells[5])[0]])
      .filter(
        ([name = '', php]) => php !== undefined && php !== `Gateway::${renamed[name] ?? name}`,
      );
    expect(wrong).toEqual([]);
    const without = methods.filter(({ cells }) => codeOf(cells[5]).length === 0);
    expect(without.map(({ name }) => nameOf(name))).toEqual([
      'close',
      'closeUid',
      'closeGroup',
      'sendToClient',
      'sendToUid',
      'getUidState',
      'getUidStates',
    ]);
  });

  test('events: have their PHP names, if PHP has them', () => {
    const php = rowsOf('docs/api.md', 'Events').map(({ name, cells }) => [
      nameOf(name),
      codeOf(cells[3])[0],
    ]);
    const without = ['onHandshake', 'onRequest', 'onDrop', 'onResume', 'onError'];
    expect(php).toEqual(
      php.map(([name = '']) => [name, without.includes(name) ? undefined : `Events::${name}`]),
    );
  });

  test('ctx.closed: lists every value of ClosedBy', () => {
    const row = rowsOf('docs/api.md', 'ctx').find(({ name }) => name === 'closed');
    const list = /`by` \(([^)]+)\)/.exec(row?.cells[1] ?? '')?.[1];
    expect(codeOf(list)).toEqual(Object.values(ClosedBy));
  });
});

test('docs/command-line.md: has one row for each figure of status', () => {
  const documented = rowsOf('docs/command-line.md', 'Figures').map(({ name, cells }) => [
    name,
    ...cells,
  ]);
  const declared = Object.entries(statusFigures).map(([name, { kind, unit, help }]) => [
    name,
    kind,
    unit === 'perSecond' ? 'per second' : unit,
    help,
  ]);
  expect(documented).toEqual(declared);
});

/** A section of docs/options.md, and how its options are checked. */
const classes = [
  { section: 'Register', resolve: (options: object) => resolveRegisterOptions(options) },
  {
    section: 'Gateway',
    resolve: (options: object) =>
      resolveGatewayOptions({ listen: 'websocket://127.0.0.1:0', ...options }),
  },
  {
    section: 'Sessions that resume',
    resolve: (resume: object) =>
      resolveGatewayOptions({ listen: 'websocket://127.0.0.1:0', resume }),
  },
  {
    section: 'BusinessWorker',
    resolve: (options: object) =>
      resolveBusinessWorkerOptions({ eventHandler: '/events.js', ...options }),
  },
  {
    section: 'GatewayClient.connect',
    resolve: (options: object) => resolveGatewayClientOptions(options),
  },
  { section: 'run', resolve: (options: object) => resolveRunOptions(options, '/start.js') },
];

/** Values that a cell allows and values that it refuses; `undefined` for a cell in other words. */
function valuesOf(cell: string): { right: unknown[]; wrong: unknown[] } | undefined {
  const range = /^(0, or )?([\d.]+) to (\d+)$/.exec(cell);
  if (range !== null) {
    const [, zero, first, last] = range;
    const [min, max] = [Number(first), Number(last)];
    return {
      right: [min, max, ...(zero === undefined ? [] : [0])],
      wrong: [zero === undefined ? min - 1 : min / 2, max + 1, -1, String(min), Number.NaN],
    };
  }
  if (cell === '1 to 128 characters') {
    return { right: ['x', 'x'.repeat(128)], wrong: ['', 'x'.repeat(129), 1] };
  }
  if (cell === 'a boolean') return { right: [true, false], wrong: ['true', 1, null] };
  if (cell === 'a string') return { right: ['', 'x'], wrong: [1, null] };
  if (cell === 'a non-empty string') return { right: ['x'], wrong: ['', 1] };
  if (/^`'/.test(cell)) {
    return {
      right: codeOf(cell).map((code) => code.slice(1, -1)),
      wrong: ['', 'another', 1],
    };
  }
  return undefined;
}

describe.each(classes)('docs/options.md, $section', ({ section, resolve }) => {
  const rows = rowsOf('docs/options.md', section)
    .map(({ name, cells }) => ({ name, values: valuesOf(cells[2] ?? '') }))
    .filter(({ values }) => values !== undefined);

  test('accepts the allowed values, and refuses other values', () => {
    expect(rows.length).toBeGreaterThan(0);
    const isAccepted = (name: string, value: unknown): boolean => {
      try {
        resolve({ [name]: value });
        return true;
      } catch {
        return false;
      }
    };
    for (const { name, values = { right: [], wrong: [] } } of rows) {
      expect([name, values.right.filter((value) => !isAccepted(name, value))]).toEqual([name, []]);
      expect([name, values.wrong.filter((value) => isAccepted(name, value))]).toEqual([name, []]);
    }
  });

  test('options: have their PHP names, except the renamed ones', () => {
    const renamed: Record<string, string> = {
      connectTimeoutMs: 'connectTimeout',
      maxMessageBytes: 'defaultMaxPackageSize',
      slowConsumer: 'onBufferFull',
      stopTimeoutMs: 'stopTimeout',
      tls: 'transport',
    };
    const wrong = rowsOf('docs/options.md', section)
      .map(({ name, cells }) => [name, /\$(\w+)/.exec(codeOf(cells[3])[0] ?? '')?.[1]])
      .filter(([name = '', php]) => php !== undefined && php !== (renamed[name] ?? name));
    expect(wrong).toEqual([]);
  });
});

test.each([
  ['README.md', 'size of a session | $'],
  ['docs/queues.md', '`session` | gateway, worker | $ packed'],
  ['docs/api.md', 'a session larger than $'],
  ['docs/errors.md', 'takes more than $ packed'],
])('%s: states the largest session as it is', (document, sentence) => {
  const size = `${MAX_SESSION_BYTES / 1024 / 1024} MiB`;
  expect(readText(document)).toContain(sentence.replace('$', size));
});

test('cells: ranges and lists of values are parsed, other texts are not', () => {
  expect(valuesOf('0, or 0.05 to 86400')).toEqual({
    right: [0.05, 86_400, 0],
    wrong: [0.025, 86_401, -1, '0.05', Number.NaN],
  });
  expect(valuesOf("`'close'`, `'drop'`")?.right).toEqual(['close', 'drop']);
  expect(valuesOf('anything else')).toBeUndefined();
});
