import { expect, test } from 'vitest';
import { RestartPolicy } from './restart-policy.ts';

const noJitter = () => 1;

test('starts a process again at once', () => {
  expect(new RestartPolicy(noJitter).nextDelayMs(60_000)).toBe(0);
});

test('starts a process that dies soon after its start again at once, the first time', () => {
  expect(new RestartPolicy(noJitter).nextDelayMs(100)).toBe(0);
});

test('waits longer each time a process dies soon after its start, up to 10 s', () => {
  const policy = new RestartPolicy(noJitter);
  const delays = Array.from({ length: 8 }, () => policy.nextDelayMs(100));
  expect(delays).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test('forgets early deaths once a process has lived for 5 s', () => {
  const policy = new RestartPolicy(noJitter);
  for (let death = 0; death < 5; death += 1) policy.nextDelayMs(100);
  expect(policy.nextDelayMs(5_000)).toBe(0);
  expect([policy.nextDelayMs(100), policy.nextDelayMs(100)]).toEqual([0, 500]);
});

test('spreads the waits over the upper half', () => {
  const policy = new RestartPolicy(() => 0);
  policy.nextDelayMs(0);
  expect(policy.nextDelayMs(0)).toBe(250);
});
