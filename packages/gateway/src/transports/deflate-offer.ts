/** An offer of permessage-deflate that the gateway accepts. */
export interface DeflateOffer {
  /** Largest window of the compressor, as a power of two, 9 to 15; `undefined` sets no limit. */
  readonly windowBits: number | undefined;
}

/**
 * Returns the first offer of permessage-deflate that the gateway accepts; `undefined` disables compression. Malformed
 * offers are ignored.
 *
 * Source: RFC 7692 5, 7.1.
 */
export function chooseDeflateOffer(header: string | undefined): DeflateOffer | undefined {
  for (const extension of header?.split(',') ?? []) {
    const [name, ...parameters] = extension.split(';').map((part) => part.trim());
    const offer = name === 'permessage-deflate' ? readOffer(parameters) : undefined;
    if (offer !== undefined) return offer;
  }
  return undefined;
}

function readOffer(parameters: readonly string[]): DeflateOffer | undefined {
  const values = new Map<string, string | undefined>();
  for (const parameter of parameters) {
    const match = /^([a-z_]+)(?:\s*=\s*("?)(\w+)\2)?$/.exec(parameter);
    const [, name = '', , value] = match ?? [];
    if (values.has(name) || !isParameter(name, value)) return undefined;
    values.set(name, value);
  }
  const bits = values.get('server_max_window_bits');
  return { windowBits: bits === undefined ? undefined : Number(bits) };
}

function isParameter(name: string, value: string | undefined): boolean {
  switch (name) {
    case 'server_no_context_takeover':
    case 'client_no_context_takeover':
      return value === undefined;
    case 'server_max_window_bits':
      // zlib does not compress with a window of 8 bits.
      return value !== undefined && /^(?:9|1[0-5])$/.test(value);
    case 'client_max_window_bits':
      return value === undefined || /^(?:[89]|1[0-5])$/.test(value);
    default:
      return false;
  }
}

/** Formats the accepted offer as a header for `ws`. */
export function formatDeflateOffer({ windowBits }: DeflateOffer): string {
  const name = 'permessage-deflate';
  return windowBits === undefined ? name : `${name}; server_max_window_bits=${windowBits}`;
}
