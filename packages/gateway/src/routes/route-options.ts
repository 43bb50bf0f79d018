import { assertName, OptionError } from '@gatewayworker/core';
import { normalizePath } from './route-table.ts';

const shape =
  'allowed: an object of at least one path and worker name, such as { "/chat": "chat-worker" }';

const paths =
  'allowed: a path that begins with a slash, such as "/chat", without query, fragment, empty or dot segments, its percent-encoding intact';

/**
 * Checks the routes of a gateway.
 *
 * @param scheme - of its `listen`: only a websocket has a path
 * @throws {GW_ERR_OPTION_INVALID} when they are no object of paths and worker names, or two paths mean the same
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
    const twin = seen.get(normalized);
    if (twin !== undefined) {
      throw new OptionError('Gateway.routes', path, `allowed: one of it and "${twin}", not both`);
    }
    seen.set(normalized, path);
    assertName(`Gateway.routes["${path}"]`, workerName);
  }
}
