/**
 * Finds the worker name that a path of a websocket leads to.
 *
 * A path matches a route when it is the same, or begins with it and goes on with a slash; of several
 * routes the longest counts, and `/` matches every path. Both are compared decoded, segment by segment.
 */
export class RouteTable {
  /** The longest path first. */
  readonly #routes: readonly (readonly [prefix: string, workerName: string])[];

  /** @param routes - names of workers by path; paths that `normalizePath` knows */
  constructor(routes: Readonly<Record<string, string>>) {
    this.#routes = Object.entries(routes)
      .map(([path, name]) => [normalizePath(path) ?? path, name] as const)
      .toSorted(([a], [b]) => b.length - a.length);
  }

  /** Answers the worker name for the url of a handshake; `undefined` when no route leads anywhere. */
  find(url: string): string | undefined {
    const path = normalizePath(pathOf(url));
    if (path === undefined) return undefined;
    const isMatch = (prefix: string): boolean =>
      path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
    return this.#routes.find(([prefix]) => isMatch(prefix))?.[1];
  }
}

/**
 * Writes a path in the one way in which paths are compared: every segment encoded alike, and no slash at
 * the end, so that `/` is empty. `undefined` for what is no path: it does not begin with a slash, its
 * percent-encoding is broken, or a segment is `.` or `..`, which others on the way may have read
 * differently. An encoded slash is part of its segment. Upper and lower case differ.
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
