/**
 * Finds the worker name for the path of a websocket.
 *
 * A path matches a route when it equals the route, or begins with the route and a slash. The longest match wins; `/`
 * matches every path. Both are normalized first, so that percent-encoding makes no difference.
 */
export class RouteTable {
  /** Sorted by length, the longest path first. */
  readonly #routes: readonly (readonly [prefix: string, workerName: string])[];

  /** @param routes - worker names by path; each path is valid for `normalizePath` */
  constructor(routes: Readonly<Record<string, string>>) {
    this.#routes = Object.entries(routes)
      .map(([path, name]) => [normalizePath(path) ?? path, name] as const)
      .toSorted(([a], [b]) => b.length - a.length);
  }

  /** Returns the worker name for the url of a handshake; `undefined` when no route matches. */
  find(url: string): string | undefined {
    const path = normalizePath(pathOf(url));
    if (path === undefined) return undefined;
    const isMatch = (prefix: string): boolean =>
      path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
    return this.#routes.find(([prefix]) => isMatch(prefix))?.[1];
  }
}

/**
 * Normalizes a path for comparison: decodes and encodes every segment, and removes a slash at the end, so that `/`
 * becomes empty. An encoded slash is part of its segment. Upper and lower case differ.
 *
 * @returns `undefined` when the path does not begin with a slash, has invalid percent-encoding, or has a segment `.`
 * or `..`, which a proxy may have resolved differently
 */
export function normalizePath(path: string): string | undefined {
  if (!path.startsWith('/')) return undefined;
  const segments = path.slice(1).split('/');
  if (segments.at(-1) === '') segments.pop();
  try {
    return segments.map(normalizeSegment).join('');
  } catch {
    return undefined;
  }
}

function normalizeSegment(segment: string): string {
  const decoded = decodeURIComponent(segment);
  if (decoded === '.' || decoded === '..') throw new URIError('a dot segment');
  return `/${encodeURIComponent(decoded)}`;
}

/** The path of a request target, which may be an absolute URI. Source: RFC 9112 3.2. */
function pathOf(url: string): string {
  const [target = ''] = url.split(/[?#]/, 1);
  const authority = /^[a-z][a-z0-9+.-]*:\/\/[^/]*/i.exec(target)?.[0];
  if (authority === undefined) return target;
  return target.slice(authority.length) || '/';
}
