import { expect, test } from 'vitest';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { ClientConnection } from './client-connection.ts';
import { PauseReason } from './pause-reason.ts';

test('client connection: reading resumes after the last pause reason is removed', () => {
  const pauses: boolean[] = [];
  const client = new ClientConnection(
    { connection: 1, nonceHigh: 2, nonceLow: 3 },
    { ...silentSocket, setPaused: (isPaused) => pauses.push(isPaused) },
  );
  const reasons = Object.values(PauseReason);
  expect(reasons.map((reason) => client.pause(reason))).toEqual(reasons.map(() => true));
  for (const reason of reasons) {
    expect([client.isPaused, pauses]).toEqual([true, [true]]);
    client.resume(reason);
  }
  expect([client.isPaused, pauses]).toEqual([false, [true, false]]);
});
