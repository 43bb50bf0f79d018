import { parentPort, workerData } from 'node:worker_threads';
import { writeNow } from './descriptor.ts';
import type { PacerPlan } from './pacer.ts';
import { monotonicMicros, writeSendTime } from './send-time.ts';

// The thread behind `startPacer`. It has no event loop to serve: it sleeps until the next message is due.

const plan: PacerPlan = workerData;
const frames = plan.frames.map((frame) => Buffer.from(frame));
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const pause = 1e6 / plan.rate;

parentPort?.postMessage('started');
let due = monotonicMicros();
for (let turn = 0; ; turn += 1) {
  const wait = due - monotonicMicros();
  if (wait > 0) Atomics.wait(sleeper, 0, 0, wait / 1000);
  const index = turn % frames.length;
  const frame = frames[index] ?? Buffer.alloc(0);
  writeSendTime(frame, plan.timePosition, monotonicMicros());
  if (writeNow(plan.descriptors[index] ?? -1, frame, frame.length) < frame.length) {
    throw new Error('the server does not read as fast as the rate asks for');
  }
  due += pause;
}
