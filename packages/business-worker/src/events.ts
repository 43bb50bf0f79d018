import { GatewayWorkerError, nearestName, toError } from '@gatewayworker/core';
import type { EventHandler } from './event-handler.ts';
import { describeMissing, findEventModule } from './event-module.ts';
import { locateSyntaxError } from './syntax-error.ts';

/** Names of the callbacks of an application. */
const callbackNames = [
  'onWorkerStart',
  'onHandshake',
  'onConnect',
  'onWebSocketConnect',
  'onMessage',
  'onRequest',
  'onDrop',
  'onResume',
  'onClose',
  'onWorkerStop',
  'onError',
] as const satisfies readonly (keyof EventHandler)[];

/** Names of callbacks in other frameworks. */
const foreignNames: Readonly<Record<string, (typeof callbackNames)[number]>> = {
  onDisconnect: 'onClose',
  onOpen: 'onConnect',
};

/**
 * Imports the module of an application and finds its callbacks.
 *
 * @param url - `file:` URL of the module; if it does not exist, the alternative is loaded: `events.js` for `events.ts`
 * @throws {GW_ERR_EVENT_HANDLER_INVALID} when it cannot be imported, exports neither `Events` nor a default, or the
 * export has no callback or a misspelt one
 */
export async function importEvents(url: string): Promise<EventHandler> {
  const found = findEventModule(url);
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await import(found);
  } catch (error) {
    throw await importFailed(found, error);
  }
  return findCallbacks(findExported(module), found);
}

/** Maximum number of nested default exports: CommonJS has one more than an ES module, compiled CommonJS two more. */
const MAX_DEFAULTS = 3;

/** Finds `Events`, or else the default export, of an ES module or a CommonJS module, compiled or not. */
function findExported(module: object): unknown {
  let found: unknown = module;
  for (let depth = 0; depth <= MAX_DEFAULTS && isObject(found); depth++) {
    const events: unknown = Reflect.get(found, 'Events');
    if (events !== undefined) return events;
    if (!Reflect.has(found, 'default')) break;
    found = Reflect.get(found, 'default');
  }
  return found === module ? undefined : found;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/**
 * Finds the callbacks of an exported class, which is constructed once, or of an object. A static method of a class is
 * used if the instance has no method of that name.
 *
 * @param source - name of the module, for errors
 * @throws {GW_ERR_EVENT_HANDLER_INVALID} when there is no callback, one is misspelt, or the class cannot be constructed
 */
export function findCallbacks(exported: unknown, source: string): EventHandler {
  const owners = findOwners(exported, source);
  const found = callbackNames.flatMap((name) => {
    const owner = owners.find((candidate) => typeof Reflect.get(candidate, name) === 'function');
    return owner === undefined ? [] : [[name, Reflect.get(owner, name).bind(owner)]];
  });
  const missing = callbackNames.filter((name) => !found.some(([other]) => other === name));
  for (const name of owners.flatMap(methodNames)) {
    // At most two letters: a name such as onUserJoined is a method of the application, not a misspelt callback.
    const near = /^on/i.test(name) ? nearestName(name, missing, 2) : undefined;
    const meant = near ?? missing.find((other) => other === foreignNames[name]);
    if (meant === undefined || found.some(([other]) => other === name)) continue;
    const text = `Events of ${source} has no callback ${meant}, but ${name}; did you mean ${meant}?`;
    throw new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', text);
  }
  if (found.length === 0) {
    const text = `Events of ${source} has no callback; known: ${callbackNames.join(', ')}`;
    throw new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', text);
  }
  return Object.fromEntries(found);
}

/** Names of the own and inherited methods of an object. It calls no getter. */
function methodNames(owner: object): string[] {
  const names: string[] = [];
  const ends: unknown[] = [null, Object.prototype, Function.prototype];
  let part: object | null = owner;
  while (part !== null && !ends.includes(part)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(part))) {
      if (typeof value === 'function') names.push(name);
    }
    part = Object.getPrototypeOf(part);
  }
  return names;
}

function findOwners(exported: unknown, source: string): readonly object[] {
  if (typeof exported === 'function') {
    try {
      return [Reflect.construct(exported, []), exported];
    } catch (error) {
      throw constructionFailed(source, error);
    }
  }
  if (typeof exported === 'object' && exported !== null) return [exported];
  const text = `${source} exports neither a class or object named Events nor a default one`;
  throw new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', text);
}

function constructionFailed(source: string, thrown: unknown): GatewayWorkerError {
  const cause = toError(thrown);
  const text = `Events of ${source} cannot be constructed: ${cause.message}`;
  return new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', text, { cause });
}

async function importFailed(url: string, thrown: unknown): Promise<GatewayWorkerError> {
  const cause = toError(thrown);
  const place = cause instanceof SyntaxError ? await locateSyntaxError(url, cause) : undefined;
  const reason = describeMissing(url) ?? cause.message;
  const text = `${url} cannot be imported: ${reason}${place === undefined ? '' : `\n${place}`}`;
  return new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', text, { cause });
}
