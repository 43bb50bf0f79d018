import { expect, test } from 'vitest';
import { RestartPolicy } from './restart-policy.ts';

const noJitter = () => 1;

test('restart policy: a stable process is restarted at once', () => {
  expect(new RestartPolicy(noJitter).nextDelayMs(60_000)).toBe(0);
});

test('restart policy: the first early exit has no delay', () => {
  expect(new RestartPolicy(noJitter).nextDelayMs(100)).toBe(0);
});

test('restart policy: further early exits are delayed longer, up to 10 s', () => {
  const policy = new RestartPolicy(noJitter);
  const delays = Array.from({ length: 8 }, () => policy.nextDelayMs(100));
  expect(delays).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test('restart policy: a process that ran for 5 s resets the delay', () => {
  const policy = new RestartPolicy(noJitter);
  for (let exit = 0; exit < 5; exit += 1) policy.nextDelayMs(100);
  expect(policy.nextDelayMs(5_000)).toBe(0);
  expect([policy.nextDelayMs(100), policy.nextDelayMs(100)]).toEqual([0, 500]);
});

test('restart policy: jitter takes up to half of the delay', () => {
  const policy = new RestartPolicy(() => 0);
  policy.nextDelayMs(0);
  expect(policy.nextDelayMs(0)).toBe(250);
});
