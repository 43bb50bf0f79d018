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

test('constructs a class once and calls its methods on the instance', () => {
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

test('finds methods that a class inherits, and functions that it has as fields', () => {
  class Base {
    onConnect(): void {}
  }
  class Events extends Base {
    readonly onMessage = (): void => undefined;
  }
  expect(names(findCallbacks(Events, 'x'))).toEqual(['onConnect', 'onMessage']);
});

/** Its callback returns what it was called on. */
const bareObject = {
  onError(): void {
    seen.push(String(this === bareObject));
  },
};

test('calls the functions of an object on the object', async () => {
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

test('takes static methods where the instance has none of the name', () => {
  seen.length = 0;
  const { onConnect, onMessage } = findCallbacks(StaticEvents, 'x');
  Reflect.apply(onConnect ?? (() => undefined), undefined, []);
  Reflect.apply(onMessage ?? (() => undefined), undefined, []);
  expect(seen).toEqual(['static', 'instance']);
});

test('ignores what is no callback', () => {
  const events = { onMessage: () => undefined, onConnect: 'text', onmessage: () => 1, other: 1 };
  expect(names(findCallbacks(events, 'x'))).toEqual(['onMessage']);
});

test.each<[string, unknown]>([
  ['an empty object', {}],
  ['an object of misspelt callbacks', { onmessage: () => undefined }],
  ['a class without callbacks', class Events {}],
])('refuses %s, and names the callbacks that it knows', (_what, exported) => {
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

test('callbacks: methods that are near to no missing callback are allowed', () => {
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
])('callbacks: %s is refused, with %s as a hint', (name, meant, exported) => {
  expect(() => findCallbacks(exported, 'file:///events.ts')).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_EVENT_HANDLER_INVALID',
      message: `Events of file:///events.ts has no callback ${meant}, but ${name}; did you mean ${meant}?`,
    }),
  );
});

test.each([undefined, null, 'text', 7])('refuses %s for Events', (exported) => {
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
])('says why %s cannot be used', (_what, exported, reason) => {
  expect(() => findCallbacks(exported, 'file:///events.ts')).toThrow(
    expect.objectContaining({
      code: 'GW_ERR_EVENT_HANDLER_INVALID',
      message: expect.stringMatching(new RegExp(`file:///events\\.ts.*${reason}`)),
      cause: expect.objectContaining({ message: expect.stringContaining(reason) }),
    }),
  );
});

/** Writes a module and answers its URL. */
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
])('imports a module that exports %s', async (_what, source) => {
  expect(names(await importEvents(moduleOf(source)))).toEqual(['onMessage']);
});

test.each([
  ['exports something else', 'export const events = { onMessage() {} };', 'exports neither'],
  ['throws', 'throw new Error("no config");', 'no config'],
  ['has a mistake in it', 'export const Events = {', 'cannot be imported'],
])('refuses a module that %s', async (_what, source, reason) => {
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
])('imports CommonJS that exports %s', async (_what, source) => {
  expect(names(await importEvents(moduleOf(source, 'events.cjs')))).toEqual(['onMessage']);
});

test.each([
  ['events.js', 'events.ts'],
  ['events.ts', 'events.js'],
  ['events.mjs', 'events.mts'],
  ['events.mts', 'events.mjs'],
  ['my events.js', 'my%20events.ts?v=2'],
])('imports %s when %s is named and not there', async (written, named) => {
  const url = moduleOf('export class Events { onMessage() {} }', written);
  expect(names(await importEvents(new URL(named, url).href))).toEqual(['onMessage']);
});

test('imports the module that is named when both are there', async () => {
  const url = moduleOf('export class Events { onMessage() {} }', 'events.ts');
  writeFileSync(new URL('events.js', url), 'export class Events { onClose() {} }');
  expect(names(await importEvents(url))).toEqual(['onMessage']);
});

test('names the twin when that is what fails', async () => {
  const url = moduleOf('throw new Error("no config");', 'events.js');
  await expect(importEvents(new URL('events.ts', url).href)).rejects.toMatchObject({
    message: `${url} cannot be imported: no config`,
  });
});

test('tells a module that is not there from one that imports what is not there', async () => {
  const url = moduleOf("import './settings.js';", 'events.js');
  await expect(importEvents(url)).rejects.toMatchObject({
    message: expect.stringMatching(/events\.js cannot be imported: .*settings\.js/),
  });
});

test.each([
  ['events.mjs', 'neither /nowhere/events.mjs nor /nowhere/events.mts is there'],
  ['events.ts', 'neither /nowhere/events.ts nor /nowhere/events.js is there'],
  ['events', '/nowhere/events is not there'],
])('says what was looked for when %s is not there, and keeps the cause', async (name, said) => {
  const url = `file:///nowhere/${name}`;
  await expect(importEvents(url)).rejects.toMatchObject({
    code: 'GW_ERR_EVENT_HANDLER_INVALID',
    message: `${url} cannot be imported: ${said}`,
    cause: expect.any(Error),
  });
});
