import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { decodeClientFrame, encodeClientFrame, MAX_RECEIPT_VALUE_BYTES } from './client-frame.ts';
import { closeActionOf } from './close-code.ts';
import { encodeText } from './frame-writer.ts';
import {
  type ClientFrame,
  clientOps,
  type GatewayFrame,
  gatewayOps,
  MAX_RESUME_SOURCES,
  SUBPROTOCOL,
} from './frames.ts';
import { decodeGatewayFrame, encodeGatewayFrame } from './gateway-frame.ts';

const document = readFileSync(new URL('../../../docs/client-protocol.md', import.meta.url), 'utf8');

/** Cells of the rows of a section whose first cell matches. */
function rowsOf(heading: string): string[][] {
  const [, section = ''] = document.split(`\n## ${heading}\n`);
  return (section.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .slice(1)
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

const text = (value: string) => ({ isBinary: false, payload: encodeText(value) });

/** What each example of the document describes. */
const examples: Readonly<Record<string, ClientFrame | GatewayFrame>> = {
  'Hello, no token, no resume': { op: 'hello' },
  'Hello, token `t0`, resume of `AAAAABBBBBCCCCCDDDDD`, secret `01 02`, position 300 in source 7': {
    op: 'hello',
    token: 't0',
    resume: {
      clientId: 'AAAAABBBBBCCCCCDDDDD',
      secret: Uint8Array.of(1, 2),
      positions: new Map([[7, 300]]),
    },
  },
  'Send, number 1, text `hi`': { op: 'send', number: 1, ...text('hi') },
  'Request, number 2, type `sum`, payload `[1]`': {
    op: 'request',
    number: 2,
    type: 'sum',
    ...text('[1]'),
  },
  'Received, receipt 5, handled, no value': {
    op: 'received',
    receipt: 5,
    state: 'handled',
    value: '',
  },
  'Message, text `hi`, source 7, offset 300': {
    op: 'message',
    source: 7,
    offset: 300,
    ...text('hi'),
  },
  'Message with receipt 5, text `hi`, source 7, offset 300': {
    op: 'message',
    source: 7,
    offset: 300,
    receipt: 5,
    ...text('hi'),
  },
  'Reply to 2, `1`, source 7, offset 301': {
    op: 'reply',
    source: 7,
    offset: 301,
    number: 2,
    isFailed: false,
    ...text('1'),
  },
  'Handled, 2': { op: 'handled', number: 2 },
  'Gap, source 7, offset 300, `too-old`': {
    op: 'gap',
    source: 7,
    offset: 300,
    reason: 'too-old',
  },
  'Ping, position 300 in source 7': { op: 'ping', positions: new Map([[7, 300]]) },
  'SourceEnded, source 7': { op: 'sourceEnded', source: 7 },
};

function isClientFrame(frame: ClientFrame | GatewayFrame): frame is ClientFrame {
  return Object.hasOwn(clientOps, frame.op);
}

test('examples: the document has these, and no other', () => {
  expect(rowsOf('Examples').map(([name]) => name)).toEqual(Object.keys(examples));
});

test.each(rowsOf('Examples'))('examples: %s', (name = '', cell = '') => {
  const frame = examples[name];
  const hex = cell.replace(/[`\s]/g, '');
  if (frame === undefined) throw new Error('no frame');
  if (isClientFrame(frame)) {
    expect(toHex(encodeClientFrame(frame))).toBe(hex);
    expect(decodeClientFrame(Uint8Array.from(Buffer.from(hex, 'hex')))).toEqual(frame);
  } else {
    expect(toHex(encodeGatewayFrame(frame))).toBe(hex);
    expect(decodeGatewayFrame(Uint8Array.from(Buffer.from(hex, 'hex')))).toEqual(frame);
  }
});

test.each([
  ['Frames of the client', clientOps],
  ['Frames of the gateway', gatewayOps],
] as const)('%s: the document has the op of each frame', (heading, ops) => {
  const documented = rowsOf(heading).map(([op = '', name = '']) => [
    name.charAt(0).toLowerCase() + name.slice(1),
    Number(op.replaceAll('`', '')),
  ]);
  expect(Object.fromEntries(documented)).toEqual(ops);
});

test('document: states the subprotocol and the most sources of a Hello', () => {
  expect(document).toContain(`offers the subprotocol \`${SUBPROTOCOL}\``);
  expect(document).toContain(`at most ${MAX_RECEIPT_VALUE_BYTES.toLocaleString('en-US')} bytes`);
  expect(document).toContain(`at most ${MAX_RESUME_SOURCES.toLocaleString('en-US')} sources`);
});

/** Every close code that a client can get. */
const codes = Array.from({ length: 4000 }, (_, index) => index + 1000);

/** The codes that a cell of the table of close codes names. */
function codesOf(cell: string): number[] {
  return [...cell.matchAll(/(\d{4})(?: to (\d{4}))?/g)].flatMap(([, first, last]) =>
    codes.filter((code) => code >= Number(first) && code <= Number(last ?? first)),
  );
}

test('close codes: mean what the document says', () => {
  const actions = { 'starts a new session': 'new-session', stops: 'stop', resumes: 'resume' };
  const documented = new Map<number, string>();
  const others: [isOther: (code: number) => boolean, action: string][] = [];
  for (const [cell = '', , does = ''] of rowsOf('Close codes')) {
    const action = Object.entries(actions).find(([words]) => does.startsWith(words))?.[1] ?? does;
    const [, bound] = /other codes (below 3000|from 4000)/.exec(cell) ?? [];
    if (bound === 'below 3000') others.push([(code) => code < 3000, action]);
    if (bound === 'from 4000') others.push([(code) => code >= 4000, action]);
    for (const code of codesOf(cell.replace(/, other codes.*/, ''))) documented.set(code, action);
  }
  const expected = codes.map((code) => [
    code,
    documented.get(code) ?? others.find(([isOther]) => isOther(code))?.[1],
  ]);
  expect(codes.map((code) => [code, closeActionOf(code)])).toEqual(expected);
});
