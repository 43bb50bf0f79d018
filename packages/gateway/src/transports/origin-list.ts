/** A scheme and a host, which may start with `*.`, and no path. */
const form = /^[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[^/?#@*\s\\]+$/i;

/**
 * Normalizes an entry to the form that browsers send: in lower case, without a default port. Returns `undefined` for an
 * invalid entry.
 */
export function normalizeOrigin(entry: string): string | undefined {
  if (!form.test(entry) || !URL.canParse(entry)) return undefined;
  const { origin, protocol, host } = new URL(entry);
  // The URL parser knows no origin for app schemes such as capacitor://.
  return origin === 'null' ? `${protocol}//${host}` : origin;
}

/** The origins of web pages that may open websockets. Source: RFC 6454. */
export class OriginList {
  readonly #exact: ReadonlySet<string>;
  /** Prefix and suffix of entries such as `https://*.example.com`. */
  readonly #patterns: readonly (readonly [start: string, end: string])[];

  /** @param entries - exact origins, or with `*.` for any subdomain; an empty list allows every origin */
  constructor(entries: readonly string[]) {
    const origins = entries.map((entry) => normalizeOrigin(entry) ?? entry);
    const isPattern = (origin: string): boolean => origin.includes('://*.');
    this.#exact = new Set(origins.filter((origin) => !isPattern(origin)));
    this.#patterns = origins.filter(isPattern).map((origin) => {
      const star = origin.indexOf('*');
      return [origin.slice(0, star), origin.slice(star + 1)];
    });
  }

  /** Returns whether a handshake with this `Origin` is allowed. With a list, the header is required. */
  allows(origin: string | undefined): boolean {
    if (this.#exact.size === 0 && this.#patterns.length === 0) return true;
    if (origin === undefined) return false;
    if (this.#exact.has(origin)) return true;
    return this.#patterns.some(
      ([start, end]) =>
        origin.startsWith(start) &&
        origin.endsWith(end) &&
        /^[a-z0-9.-]+$/i.test(origin.slice(start.length, origin.length - end.length)),
    );
  }
}
