import { SessionClient } from './client.ts';
import type { Client, ConnectOptions, Protocol, WebSocketClass } from './types.ts';

/**
 * Connects to a gateway that has the option `resume`, and keeps the session over lost connections until `close`.
 *
 * A function as `url` is called before each attempt to connect.
 *
 * @throws {TypeError} if there is no class WebSocket
 */
export function connect<P extends Protocol = Protocol>(
  url: string | URL | (() => string | Promise<string>),
  options: ConnectOptions = {},
): Client<P> {
  const WebSocket = options.WebSocket ?? (globalThis.WebSocket as WebSocketClass | undefined);
  if (WebSocket === undefined) throw new TypeError('no WebSocket');
  // Clients of several gateways on one page have a session each.
  const key = typeof url === 'function' ? '' : String(url);
  return new SessionClient<P>(
    { ...options, url, WebSocket },
    options,
    options.storage === 'session'
      ? // On demand, because most pages do without it.
        async () => new (await import('./session-store.ts')).SessionStore(key)
      : undefined,
  );
}
