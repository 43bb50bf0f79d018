import { expect, test } from 'vitest';
import { healthAddress, resolveRunOptions } from './options.ts';

test('run options: pid file and log file are beside the start file by default', () => {
  expect(resolveRunOptions({}, '/srv/chat/start.ts')).toEqual({
    startFile: '/srv/chat/start.ts',
    pidFile: '/srv/chat/start.pid',
    logFile: '/srv/chat/start.log',
    logLevel: 'info',
    stopTimeoutMs: 5_000,
    readyTimeoutMs: 10_000,
    health: '',
  });
});

test('run options: only the last extension of the start file is replaced', () => {
  expect(resolveRunOptions({}, '/srv/start.gateway.js').pidFile).toBe('/srv/start.gateway.pid');
});

test('run options: given values are kept, and the result is frozen', () => {
  const options = { pidFile: '/run/chat.pid', logFile: '/var/log/chat.log', stopTimeoutMs: 1 };
  const resolved = resolveRunOptions(options, '/srv/start.ts');
  expect(resolved).toMatchObject(options);
  expect(Object.isFrozen(resolved)).toBe(true);
});

test('run options: a relative path is relative to the working directory', () => {
  expect(resolveRunOptions({ pidFile: 'chat.pid' }, '/srv/start.ts').pidFile).toBe(
    `${process.cwd()}/chat.pid`,
  );
});

test('run options: a misspelt option is named with the closest one', () => {
  const options: object = { stopTimeout: 2_000 };
  expect(() => resolveRunOptions(options, '/srv/start.ts')).toThrow(
    'option run.stopTimeout is 2000; there is no such option; did you mean stopTimeoutMs?',
  );
});

test.each([
  [{ pidFile: '' }, 'option run.pidFile is ""; allowed: a non-empty string'],
  [{ stopTimeoutMs: 0 }, 'option run.stopTimeoutMs is 0; allowed: an integer from 1 to 86400000'],
  [{ health: '9000' }, 'option run.health is "9000"; allowed: host:port with a port from 1 to'],
  [{ health: '127.0.0.1:0' }, 'option run.health is "127.0.0.1:0"; allowed: host:port with a port'],
  [{ health: 'http://127.0.0.1:9000' }, 'option run.health is "http://127.0.0.1:9000"'],
  [{ health: 9000 }, 'option run.health is 9000; allowed: host:port'],
  [{ health: true }, 'option run.health is true; allowed: host:port'],
  [{ readyTimeoutMs: 1.5 }, 'option run.readyTimeoutMs is 1.5; allowed: an integer'],
])('run options: rejects %j', (options: object, message) => {
  expect(() => resolveRunOptions(options, '/srv/start.ts')).toThrow(message);
});

test('run options: parses the address for probes', () => {
  expect(healthAddress('')).toBeUndefined();
  expect(healthAddress('0.0.0.0:9000')).toEqual({ host: '0.0.0.0', port: 9000 });
  expect(healthAddress('[::1]:1')).toEqual({ host: '::1', port: 1 });
});

test.each<string | false>([false, '/dev/stdout', '/proc/self/fd/1'])(
  'run options: logFile %s writes no log file',
  (logFile) => {
    expect(resolveRunOptions({ logFile }, '/srv/start.ts').logFile).toBe('/dev/null');
  },
);

test.each(['/dev/stderr', '/dev/fd/2', '/proc/self/fd/2'])(
  'run options: logFile %s is rejected with an alternative',
  (logFile) => {
    expect(() => resolveRunOptions({ logFile }, '/srv/start.ts')).toThrow(
      expect.objectContaining({
        code: 'GW_ERR_OPTION_INVALID',
        message: expect.stringMatching(
          new RegExp(`^option run\\.logFile is "${logFile}"; allowed: .*\`start 1>&2\``),
        ),
      }),
    );
  },
);
