import { expect, test } from 'vitest';
import { ada, message, outgoing } from '../store/samples.fixture.ts';
import { toRows } from './rows.ts';

const noon = new Date(2026, 4, 5, 12).getTime();
const minute = 60_000;
const at = (seq: number, minutes: number, more = {}) =>
  message(seq, { sentAt: noon + minutes * minute, ...more });
const kinds = (rows: ReturnType<typeof toRows>) =>
  rows.map((row) => ('isFirst' in row && row.isFirst ? `first ${row.kind}` : row.kind));
const nothing = { outgoing: [], newFrom: null, meId: ada.id };

test('rows: each day has one heading above its messages', () => {
  const notice = { content: { kind: 'notice', notice: { event: 'joined' } } };
  const messages = [at(1, 0), at(2, 1, notice), at(3, 2), at(4, 24 * 60)];
  expect(kinds(toRows({ ...nothing, messages }))).toEqual([
    'day',
    'first message',
    'message',
    'first message',
    'day',
    'first message',
  ]);
});

test('rows: messages of one sender within five minutes form a group', () => {
  const messages = [at(1, 0), at(2, 4), at(3, 10), at(4, 11, { senderId: ada.id })];
  expect(kinds(toRows({ ...nothing, messages }))).toEqual([
    'day',
    'first message',
    'message',
    'first message',
    'first message',
  ]);
});

test('rows: new messages are marked before the first one of another user', () => {
  const messages = [at(1, 0), at(2, 1, { senderId: ada.id }), at(3, 2)];
  expect(kinds(toRows({ ...nothing, messages, newFrom: 1 }))).toEqual([
    'day',
    'first message',
    'first message',
    'new',
    'first message',
  ]);
});

test('rows: an unsent message is last, and keeps its key when it is stored', () => {
  const waiting = outgoing('a1', { createdAt: noon + minute });
  const [, , row] = toRows({ ...nothing, messages: [at(1, 0)], outgoing: [waiting] });
  const mine = at(2, 1, { senderId: ada.id, clientId: 'a1' });
  const [, , stored] = toRows({ ...nothing, messages: [at(1, 0), mine] });
  expect(row?.kind).toBe('outgoing');
  expect(stored?.kind).toBe('message');
  expect(stored?.key).toBe(row?.key);
});
