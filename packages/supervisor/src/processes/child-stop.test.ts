import { captureLogger } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import type { ChildReport } from '../control/child-protocol.ts';
import { ChildStop, type StoppableChild } from './child-stop.ts';

/** A child that ends only when it is killed. */
class StuckChild implements StoppableChild {
  hasExited = false;
  readonly stackUnavailableReason = 'no stack';
  readonly ended: Promise<void>;
  readonly #stack: string | undefined;
  #end = (): void => undefined;

  constructor(stack: string | undefined) {
    this.#stack = stack;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  sendStop(): void {}

  async report(): Promise<ChildReport | undefined> {
    return undefined;
  }

  async stack(): Promise<string | undefined> {
    return this.#stack;
  }

  kill(): void {
    this.hasExited = true;
    this.#end();
  }
}

const quick = { isGraceful: true, timeoutMs: 1, drainMs: 1 };

test.each([
  ['its stack', '    at spin (events.js:1:1)', '    at spin (events.js:1:1)'],
  ['why there is no stack', undefined, 'no stack'],
])(
  'child stop: a busy child is killed when it is late, the log has %s',
  async (_name, stack, logged) => {
    const { logger, lines } = captureLogger();
    const child = new StuckChild(stack);
    expect(await new ChildStop(child, logger).run(quick)).toBe(true);
    expect(lines).toMatchObject([{ msg: 'killed: it did not stop within 2 ms', stack: logged }]);
  },
);
