import { GatewayWorkerError, toError } from '@gatewayworker/core';
import type { EventHandler } from './event-handler.ts';
import { describeMissing, findEventModule } from './event-module.ts';

/** Names of the callbacks an application may have. */
const callbackNames = [
  'onWorkerStart',
  'onHandshake',
  'onConnect',
  'onWebSocketConnect',
  'onMessage',
  'onClose',
  'onWorkerStop',
  'onError',
] as const satisfies readonly (keyof EventHandler)[];

/**
 * Imports the module of an application and finds its callbacks.
 *
 * @param url - `file:` URL of the module; its twin is taken when it is not there, `events.js` for `events.ts`
 * @throws {GW_ERR_EVENT_HANDLER_INVALID} when it cannot be imported, exports neither `Events` nor a
 * default, or what it exports has no callback
 */
export async function importEvents(url: string): Promise<EventHandler> {
  const found = findEventModule(url);
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await import(found);
  } catch (error) {
    throw importFailed(found, error);
  }
  return findCallbacks(module['Events'] ?? module['default'], found);
}

/**
 * Finds the callbacks of an exported class, which is constructed once, or of an object. Static
 * methods of a class count where its instance has none of the name.
 *
 * @param source - names the module in errors
 * @throws {GW_ERR_EVENT_HANDLER_INVALID} when there is no callback, or the class cannot be constructed
 */
export function findCallbacks(exported: unknown, source: string): EventHandler {
  const owners = findOwners(exported, source);
  const found = callbackNames.flatMap((name) => {
    const owner = owners.find((candidate) => typeof Reflect.get(candidate, name) === 'function');
    return owner === undefined ? [] : [[name, Reflect.get(owner, name).bind(owner)]];
  });
  if (found.length === 0) {
    const text = `Events of ${source} has no callback; known: ${callbackNames.join(', ')}`;
    throw new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', text);
  }
  return Object.fromEntries(found);
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

function importFailed(url: string, thrown: unknown): GatewayWorkerError {
  const cause = toError(thrown);
  const text = `${url} cannot be imported: ${describeMissing(url) ?? cause.message}`;
  return new GatewayWorkerError('GW_ERR_EVENT_HANDLER_INVALID', text, { cause });
}
