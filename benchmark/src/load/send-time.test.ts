import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import {
  microsSince,
  monotonicMicros,
  readSendTime,
  SEND_TIME_LENGTH,
  writeSendTime,
} from './send-time.ts';

test('send time: is read back, and needs no escape in JSON', () => {
  for (let micros = 1; micros < 2 ** 35; micros = Math.ceil(micros * 1.7)) {
    const buffer = Buffer.alloc(SEND_TIME_LENGTH + 2, 'x');
    writeSendTime(buffer, 1, micros);
    expect(readSendTime(buffer, 1)).toBe(micros);
    const text = buffer.toString('latin1');
    expect(text).toMatch(/^x[0-O]{7}x$/);
    expect(JSON.stringify(text)).toBe(`"${text}"`);
  }
});

test('send time: differences work across the end of the range', () => {
  const buffer = Buffer.alloc(SEND_TIME_LENGTH);
  writeSendTime(buffer, 0, 5 * 2 ** 35 - 100);
  expect(microsSince(readSendTime(buffer, 0), 5 * 2 ** 35 + 250.9)).toBe(350);
});

test('send time: a difference is never negative', () => {
  expect(microsSince(1000, 999)).toBe(0);
});

test('send time: all processes share one clock', async () => {
  const file = JSON.stringify(new URL('./send-time.ts', import.meta.url).href);
  const code = `const { monotonicMicros } = await import(${file});
process.on('message', () => process.send(monotonicMicros()));
process.send('ready');`;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', code],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  onTestFinished(() => void child.kill());
  await once(child, 'message');
  for (let i = 0; i < 20; i += 1) {
    const before = monotonicMicros();
    child.send('now');
    const [there] = await once(child, 'message');
    expect(there).toBeGreaterThanOrEqual(before);
    expect(there).toBeLessThanOrEqual(monotonicMicros());
  }
});
