import { expect, test } from 'vitest';
import { withCallerStack } from './caller-stack.ts';
import { GatewayWorkerError, OptionError } from './errors.ts';

class Declared {
  constructor(error: Error) {
    withCallerStack(new.target, () => {
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

test.each([Declared, Derived])(
  'withCallerStack: an error of %o starts at the line of the call',
  (what) => {
    expect(declare(what, new OptionError('Gateway.count', 0, 'allowed: 1'))).toContain(
      'at declare',
    );
    expect(declare(what, new GatewayWorkerError('GW_ERR_PHASE'))).toContain('at declare');
  },
);

function fault(): Error {
  return new RangeError('a fault');
}

test('withCallerStack: an error of another class keeps its stack', () => {
  expect(declare(Declared, fault())).toContain('at fault');
});
