import { assertName, OptionError } from '@gatewayworker/core';
import { normalizePath } from './route-table.ts';

const shape =
  'allowed: an object of at least one path and worker name, such as { "/chat": "chat-worker" }';

const paths =
  'allowed: a path that begins with a slash, such as "/chat", without query, fragment, empty or dot segments, its percent-encoding intact';

/**
 * Checks the routes of a gateway.
 *
 * @param scheme - scheme of `listen`: only websockets have a path
 * @throws {GW_ERR_OPTION_INVALID} when `routes` is not an object of paths and worker names, or two paths are equal
 * after normalization
 */
export function assertRoutes(
  routes: unknown,
  scheme: string,
): asserts routes is Readonly<Record<string, string>> | undefined {
  if (routes === undefined) return;
  if (scheme !== 'websocket') {
    throw new OptionError('Gateway.routes', routes, 'allowed: only with listen websocket://');
  }
  if (typeof routes !== 'object' || routes === null || Array.isArray(routes)) {
    throw new OptionError('Gateway.routes', routes, shape);
  }
  const entries = Object.entries(routes);
  if (entries.length === 0) throw new OptionError('Gateway.routes', routes, shape);
  const seen = new Map<string, string>();
  for (const [path, workerName] of entries) {
    const normalized = normalizePath(path);
    if (normalized === undefined || /[?#]|\/\//.test(path)) {
      throw new OptionError('Gateway.routes', path, paths);
    }
    const other = seen.get(normalized);
    if (other !== undefined) {
      throw new OptionError('Gateway.routes', path, `allowed: this path or "${other}", not both`);
    }
    seen.set(normalized, path);
    assertName(`Gateway.routes["${path}"]`, workerName);
  }
}
