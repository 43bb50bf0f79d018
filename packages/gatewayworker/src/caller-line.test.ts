import { expect, test } from 'vitest';
import {
  BusinessWorker,
  Gateway,
  GatewayClient,
  OptionError,
  Register,
  run,
  Worker,
} from './index.ts';

const wrong: Readonly<Record<string, (options: never) => unknown>> = {
  Register: (options) => new Register(options),
  Gateway: (options) => new Gateway(options),
  BusinessWorker: (options) => new BusinessWorker(options),
  Worker: (options) => new Worker(options),
  run: (options) => run(options),
  'GatewayClient.connect': (options) => GatewayClient.connect(options),
};

test.each(Object.keys(wrong))(
  '%s: the stack of an option error begins at the caller',
  async (name) => {
    const call = async (): Promise<unknown> =>
      await Reflect.apply(wrong[name] ?? expect.fail, undefined, [{ nonsense: 1 }]);
    const error: unknown = await call().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OptionError);
    const [, first = ''] = String(Reflect.get(Object(error), 'stack')).split('\n    at ');
    expect(first).toContain('caller-line.test.ts');
  },
);
