/** A scheme and a host, with `*.` before it for any subdomain, and nothing behind. */
const form = /^[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[^/?#@*\s\\]+$/i;

/**
 * An entry of the list as browsers write an origin: in lower case and without a port that is the default
 * one. Answers `undefined` when it is none.
 */
export function normalizeOrigin(entry: string): string | undefined {
  if (!form.test(entry) || !URL.canParse(entry)) return undefined;
  const { origin, protocol, host } = new URL(entry);
  // Schemes of apps, such as capacitor://, have no origin for the URL parser.
  return origin === 'null' ? `${protocol}//${host}` : origin;
}

/** Origins of web pages whose websockets are let in. Source: RFC 6454. */
export class OriginList {
  readonly #exact: ReadonlySet<string>;
  /** What the origin starts and ends with, of entries such as `https://*.example.com`. */
  readonly #patterns: readonly (readonly [start: string, end: string])[];

  /** @param entries - exact ones, or with `*.` for any subdomain; an empty list allows every origin */
  constructor(entries: readonly string[]) {
    const origins = entries.map((entry) => normalizeOrigin(entry) ?? entry);
    const isPattern = (origin: string): boolean => origin.includes('://*.');
    this.#exact = new Set(origins.filter((origin) => !isPattern(origin)));
    this.#patterns = origins.filter(isPattern).map((origin) => {
      const mark = origin.indexOf('*');
      return [origin.slice(0, mark), origin.slice(mark + 1)];
    });
  }

  /** Tells whether a handshake with this `Origin` is allowed; one without is not, if there is a list. */
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
