import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { EventHandler } from './event-handler.ts';
import { findCallbacks, importEvents } from './events.ts';

const seen: string[] = [];

function names(events: EventHandler): string[] {
  return Object.keys(events).toSorted();
}

test('events: a class is constructed once, and methods run on the instance', () => {
  let instances = 0;
  class Events {
    readonly #greeting = `hello from ${++instances}`;

    onWorkerStart(): void {
      seen.push(this.#greeting);
    }

    onWorkerStop(): void {
      seen.push(this.#greeting);
    }
  }
  const events = findCallbacks(Events, 'x');
  const worker = { id: 0, name: 'w' };
  seen.length = 0;
  Reflect.apply(events.onWorkerStart ?? (() => undefined), undefined, [worker]);
  Reflect.apply(events.onWorkerStop ?? (() => undefined), undefined, [worker]);
  expect(seen).toEqual(['hello from 1', 'hello from 1']);
});

test('events: inherited methods and function fields are callbacks', () => {
  class Base {
    onConnect(): void {}
  }
  class Events extends Base {
    readonly onMessage = (): void => undefined;
  }
  expect(names(findCallbacks(Events, 'x'))).toEqual(['onConnect', 'onMessage']);
});

/** Its callback records whether `this` is the object. */
const bareObject = {
  onError(): void {
    seen.push(String(this === bareObject));
  },
};

test('events: functions of an object run on the object', async () => {
  seen.length = 0;
  const events = findCallbacks(bareObject, 'x');
  await events.onError?.(new Error('x'), { event: 'onMessage', clientId: undefined });
  expect(seen).toEqual(['true']);
});

class StaticEvents {
  static readonly word = 'static';

  static onConnect(): void {
    // biome-ignore lint/complexity/noThisInStatic: whether `this` is the class is what the test asks
    seen.push(this.word);
  }

  static onMessage(): void {
    seen.push('never');
  }

  onMessage(): void {
    seen.push('instance');
  }
}

test('events: a static method is used if the instance has none', () => {
  seen.length = 0;
  const { onConnect, onMessage } = findCallbacks(StaticEvents, 'x');
  Reflect.apply(onConnect ?? (() => undefined), undefined, []);
  Reflect.apply(onMessage ?? (() => undefined), undefined, []);
  expect(seen).toEqual(['static', 'instance']);
});

test('events: other keys are ignored', () => {
  const events = { onMessage: () => undefined, onConnect: 'text', onmessage: () => 1, other: 1 };
  expect(names(findCallbacks(events, 'x'))).toEqual(['onMessage']);
});

test.each<[string, unknown]>([
  ['an empty object', {}],
  ['an object of misspelt callbacks', { onmessage: () => undefined }],
  ['a class without callbacks', class Events {}],
])('events: refuses %s, and names the known callbacks', (_what, exported) => {
  expect(() => findCallbacks(exported, 'file:///events.ts')).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_EVENT_HANDLER_INVALID',
      message: expect.stringMatching(/^Events of file:\/\/\/events\.ts has no callback.*onMessage/),
    }),
  );
});

class Helpers {
  onConnect(): void {}
  onMessage(): void {}
  onConnected(): void {}
  onMessages(): void {}
  onUserJoined(): void {}
  onOpen(): void {}
  once(): void {}
  get onClosed(): unknown {
    throw new Error('a getter was called');
  }
}

test('events: methods that resemble no missing callback are allowed', () => {
  expect(names(findCallbacks(Helpers, 'x'))).toEqual(['onConnect', 'onMessage']);
});

class Base {
  onMesage(): void {}
}

test.each<[string, string, unknown]>([
  ['onMesage', 'onMessage', { onConnect() {}, onMesage() {} }],
  ['onMesage', 'onMessage', class extends Base {}],
  ['OnMessage', 'onMessage', { onConnect() {}, OnMessage() {} }],
  ['onmessage', 'onMessage', { onmessage() {} }],
  ['onMessages', 'onMessage', { onConnect() {}, onMessages() {} }],
  [
    'onClosed',
    'onClose',
    class {
      onConnect() {}
      readonly onClosed = () => undefined;
    },
  ],
  ['onWebsocketConnect', 'onWebSocketConnect', { onMessage() {}, onWebsocketConnect() {} }],
  [
    'onWorkerStrat',
    'onWorkerStart',
    class {
      static onWorkerStrat() {}
      onMessage() {}
    },
  ],
  ['onHandShake', 'onHandshake', { onMessage() {}, onHandShake() {} }],
  ['onEror', 'onError', { onMessage() {}, onEror() {} }],
  ['onConect', 'onConnect', { onMessage() {}, onConect() {} }],
  ['onWorkerStoped', 'onWorkerStop', { onMessage() {}, onWorkerStoped() {} }],
  ['onDisconnect', 'onClose', { onMessage() {}, onDisconnect() {} }],
  [
    'onOpen',
    'onConnect',
    class {
      static onMessage() {}
      onOpen() {}
    },
  ],
])('events: %s is refused, with %s as a hint', (name, meant, exported) => {
  expect(() => findCallbacks(exported, 'file:///events.ts')).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_EVENT_HANDLER_INVALID',
      message: `Events of file:///events.ts has no callback ${meant}, but ${name}; did you mean ${meant}?`,
    }),
  );
});

test.each([undefined, null, 'text', 7])('events: refuses %s instead of Events', (exported) => {
  expect(() => findCallbacks(exported, 'file:///events.ts')).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_EVENT_HANDLER_INVALID',
      message: expect.stringContaining(
        'exports neither a class or object named Events nor a default',
      ),
    }),
  );
});

class Failing {
  constructor() {
    throw new RangeError('no database');
  }
}

test.each<[string, unknown, string]>([
  ['a function that is no class', () => undefined, 'is not a constructor'],
  ['a class whose constructor throws', Failing, 'no database'],
])('events: the error has the reason why %s cannot be used', (_what, exported, reason) => {
  expect(() => findCallbacks(exported, 'file:///events.ts')).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_EVENT_HANDLER_INVALID',
      message: expect.stringMatching(new RegExp(`file:///events\\.ts.*${reason}`)),
      cause: expect.objectContaining({ message: expect.stringContaining(reason) }),
    }),
  );
});

/** Writes a module and returns its URL. */
function moduleOf(source: string, name = 'events.mjs'): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatewayworker-events-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, source);
  return pathToFileURL(path).href;
}

test.each([
  ['a class', 'export class Events { onMessage() {} }'],
  ['an object', 'export const Events = { onMessage() {} };'],
  ['a default class', 'export default class { onMessage() {} }'],
  ['a default object', 'export default { onMessage() {} };'],
  ['a default object with Events', 'export default { Events: class { onMessage() {} } };'],
  [
    'a default class compiled to CommonJS',
    'const exports = { __esModule: true, default: class { onMessage() {} } }; export default exports;',
  ],
  [
    'a default class compiled to CommonJS, wrapped by a loader',
    'export default { __esModule: true, default: { default: class { onMessage() {} } } };',
  ],
  [
    'Events rather than the default',
    'export const Events = { onMessage() {} }; export default { onClose() {} };',
  ],
])('events: imports a module that exports %s', async (_what, source) => {
  expect(names(await importEvents(moduleOf(source)))).toEqual(['onMessage']);
});

test.each([
  ['exports something else', 'export const events = { onMessage() {} };', 'exports neither'],
  ['throws', 'throw new Error("no config");', 'no config'],
  ['has a mistake in it', 'export const Events = {', 'cannot be imported'],
])('events: refuses a module that %s', async (_what, source, reason) => {
  await expect(importEvents(moduleOf(source))).rejects.toMatchObject({
    code: 'GW_ERR_EVENT_HANDLER_INVALID',
    message: expect.stringContaining(reason),
  });
});

test.each([
  [
    'a class compiled from a default export',
    'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = class Events { onMessage() {} };',
  ],
  ['a class as the module', 'module.exports = class Events { onMessage() {} };'],
  ['an object as the module', 'module.exports = { onMessage() {} };'],
  ['a named class', 'exports.Events = class { onMessage() {} };'],
  [
    'a named class that no lexer finds',
    'Object.assign(exports, { ["Ev" + "ents"]: class { onMessage() {} } });',
  ],
])('events: imports CommonJS that exports %s', async (_what, source) => {
  expect(names(await importEvents(moduleOf(source, 'events.cjs')))).toEqual(['onMessage']);
});

test.each([
  ['events.js', 'events.ts'],
  ['events.ts', 'events.js'],
  ['events.mjs', 'events.mts'],
  ['events.mts', 'events.mjs'],
  ['my events.js', 'my%20events.ts?v=2'],
])('events: imports %s when the named %s does not exist', async (written, named) => {
  const url = moduleOf('export class Events { onMessage() {} }', written);
  expect(names(await importEvents(new URL(named, url).href))).toEqual(['onMessage']);
});

test('events: imports the named module when both exist', async () => {
  const url = moduleOf('export class Events { onMessage() {} }', 'events.ts');
  writeFileSync(new URL('events.js', url), 'export class Events { onClose() {} }');
  expect(names(await importEvents(url))).toEqual(['onMessage']);
});

test('events: the error names the alternative if that fails', async () => {
  const url = moduleOf('throw new Error("no config");', 'events.js');
  await expect(importEvents(new URL('events.ts', url).href)).rejects.toMatchObject({
    message: `${url} cannot be imported: no config`,
  });
});

test('events: the error names a missing import of an existing module', async () => {
  const url = moduleOf("import './settings.js';", 'events.js');
  await expect(importEvents(url)).rejects.toMatchObject({
    message: expect.stringMatching(/events\.js cannot be imported: .*settings\.js/),
  });
});

test.each([
  ['events.mjs', 'neither /nowhere/events.mjs nor /nowhere/events.mts exists'],
  ['events.ts', 'neither /nowhere/events.ts nor /nowhere/events.js exists'],
  ['events', '/nowhere/events does not exist'],
])('events: the error names the missing files for %s, and has a cause', async (name, said) => {
  const url = `file:///nowhere/${name}`;
  await expect(importEvents(url)).rejects.toMatchObject({
    code: 'GW_ERR_EVENT_HANDLER_INVALID',
    message: `${url} cannot be imported: ${said}`,
    cause: expect.any(Error),
  });
});
