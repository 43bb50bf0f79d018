import { parentPort, workerData } from 'node:worker_threads';
import { writeNow } from './descriptor.ts';
import type { PacerPlan } from './pacer.ts';
import { monotonicMicros, writeSendTime } from './send-time.ts';

// The thread of `startPacer`. It needs no event loop, so it sleeps until the next send time.

const plan: PacerPlan = workerData;
const frames = plan.frames.map((frame) => Buffer.from(frame));
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const intervalMicros = 1e6 / plan.rate;

parentPort?.postMessage('started');
let sendAt = monotonicMicros();
for (let turn = 0; ; turn += 1) {
  const waitMicros = sendAt - monotonicMicros();
  if (waitMicros > 0) Atomics.wait(sleeper, 0, 0, waitMicros / 1000);
  const index = turn % frames.length;
  const frame = frames[index] ?? Buffer.alloc(0);
  writeSendTime(frame, plan.timePosition, monotonicMicros());
  if (writeNow(plan.descriptors[index] ?? -1, frame, frame.length) < frame.length) {
    throw new Error('the server reads too slowly for the rate');
  }
  sendAt += intervalMicros;
}
