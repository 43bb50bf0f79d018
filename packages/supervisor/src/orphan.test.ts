import { expect, test } from 'vitest';
import { formatOrphan, type Orphan, parseOrphan } from './orphan.ts';

const orphan: Orphan = {
  role: 'gateway',
  name: 'chat',
  id: 1,
  pid: 4711,
  livedMs: 60_000,
  endsInMs: null,
};

test('reads back an introduction', () => {
  const leaving = { ...orphan, endsInMs: 1_500 };
  expect([orphan, leaving].map((each) => parseOrphan(formatOrphan(each)))).toEqual([
    orphan,
    leaving,
  ]);
});

test('refuses what is no introduction, and pids that a signal must not go to', () => {
  const wrong = [
    { ...orphan, role: 'master' },
    { ...orphan, name: undefined },
    { ...orphan, pid: 1 },
    { ...orphan, pid: 0 },
    { ...orphan, pid: -4711 },
    { ...orphan, pid: 1.5 },
  ].map((each) => JSON.stringify({ orphan: each }));
  const request = JSON.stringify({ request: 1, order: { command: 'ping' } });
  expect(['', 'orphan', request, ...wrong].map(parseOrphan).filter(Boolean)).toEqual([]);
});
