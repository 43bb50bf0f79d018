import { Command } from '@gatewayworker/protocol';
import { expect, test, vi } from 'vitest';
import { Worker } from '../workers/event-dispatcher.fixture.ts';
import { SessionMoves, type SessionMovesOptions } from './session-moves.ts';

const session = { clientId: 'A'.repeat(20), secret: new Uint8Array(), positions: new Map() };
const found = { type: 'sessionFound', requestId: 1, isKnown: false, state: undefined } as const;
/** None: no session is adopted here. */
const options = {} as SessionMovesOptions;

test('session moves: a claim right after the start asks workers that link later', async () => {
  const moves = new SessionMoves(options);
  const [first, second] = [new Worker(0), new Worker(1)];
  moves.addWorker(first.link);
  const claim = moves.claim(session);
  moves.handleFound(found, first.link);
  moves.addWorker(second.link);
  await vi.waitFor(() => {
    expect(second.take()).toEqual([`another command: ${Command.SessionClaim}`]);
  });
  moves.handleFound({ ...found, requestId: 2 }, first.link);
  moves.handleFound({ ...found, requestId: 2, isKnown: true }, second.link);
  expect(await claim).toEqual({ reason: 'secret' });
});

test('session moves: a second after the start, unknown is answered at once', async () => {
  vi.useFakeTimers();
  try {
    const moves = new SessionMoves(options);
    const early = moves.claim(session);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await early).toEqual({ reason: 'unknown' });
    expect(await moves.claim(session)).toEqual({ reason: 'unknown' });
  } finally {
    vi.useRealTimers();
  }
});
