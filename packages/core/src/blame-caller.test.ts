import { expect, test } from 'vitest';
import { blameCaller } from './blame-caller.ts';
import { GatewayWorkerError, OptionError } from './errors.ts';

class Declared {
  constructor(error: Error) {
    blameCaller(new.target, () => {
      throw error;
    });
  }
}

class Derived extends Declared {}

function declare(what: typeof Declared, error: Error): string {
  try {
    new what(error);
  } catch (thrown) {
    expect(thrown).toBe(error);
  }
  return (error.stack ?? '').split('\n')[1] ?? '';
}

test.each([Declared, Derived])('an error of %o points to the line that called it', (what) => {
  expect(declare(what, new OptionError('Gateway.count', 0, 'allowed: 1'))).toContain('at declare');
  expect(declare(what, new GatewayWorkerError('GW_ERR_PHASE'))).toContain('at declare');
});

function fault(): Error {
  return new RangeError('a fault');
}

test('an error that is not of the framework keeps its stack', () => {
  expect(declare(Declared, fault())).toContain('at fault');
});
