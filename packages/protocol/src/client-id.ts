declare const clientIdBrand: unique symbol;

/**
 * Id of a client connection, unique in the cluster and across restarts: 20 characters of
 * `A-Z a-z 0-9 - _`. Opaque to applications; it reveals no address and cannot be guessed.
 *
 * `| 5 gateway token | 5 connection | 10 nonce |`, six bits per character.
 */
export type ClientId = string & { readonly [clientIdBrand]: true };

/** The fields of a client id, each an integer of 30 bits. */
export interface ClientAddress {
  /** Random token of the gateway process of the client. */
  readonly gatewayToken: number;
  /** Number of the connection within that gateway process. */
  readonly connection: number;
  /** Two random halves of a nonce, so that an id cannot be derived from another. */
  readonly nonceHigh: number;
  readonly nonceLow: number;
}

/** Exclusive upper bound of each number in a client id. */
export const CLIENT_ID_FIELD_LIMIT: number = 2 ** 30;

const CLIENT_ID_LENGTH = 20;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Character code of each digit. */
const digitCodes = Uint8Array.from(alphabet, (digit) => digit.charCodeAt(0));

/** Reused for the character codes of each new id. */
const codes: number[] = new Array<number>(CLIENT_ID_LENGTH).fill(0);

/** Value of each ASCII character, -1 for those outside the alphabet. */
const digitValues = Int8Array.from({ length: 128 }, (_, code) =>
  alphabet.indexOf(String.fromCharCode(code)),
);

/** Formats a client id. Every number must be in 0 to 2^30 - 1. */
export function formatClientId(address: ClientAddress): ClientId {
  const { gatewayToken, connection, nonceHigh, nonceLow } = address;
  for (let i = 0; i < 5; i++) {
    const shift = 24 - 6 * i;
    codes[i] = codeOf(gatewayToken >>> shift);
    codes[i + 5] = codeOf(connection >>> shift);
    codes[i + 10] = codeOf(nonceHigh >>> shift);
    codes[i + 15] = codeOf(nonceLow >>> shift);
  }
  // Concatenation would take 0.8 to 1.0 us instead of 0.2 to 0.6, and the string would keep its parts in
  // memory, once for each client of a worker.
  return String.fromCharCode(...codes) as ClientId;
}

/** Parses a client id; `undefined` when the text is not one. */
export function parseClientId(text: string): ClientAddress | undefined {
  if (text.length !== CLIENT_ID_LENGTH) return undefined;
  const gatewayToken = parseField(text, 0);
  const connection = parseField(text, 5);
  const nonceHigh = parseField(text, 10);
  const nonceLow = parseField(text, 15);
  // A field with an invalid character is negative.
  if ((gatewayToken | connection | nonceHigh | nonceLow) < 0) return undefined;
  return { gatewayToken, connection, nonceHigh, nonceLow };
}

function codeOf(digit: number): number {
  return digitCodes[digit & 63] as number;
}

function parseField(text: string, offset: number): number {
  let value = 0;
  for (let i = offset; i < offset + 5; i++) {
    const digit = digitValues[text.charCodeAt(i)] ?? -1;
    if (digit < 0) return -1;
    value = (value << 6) | digit;
  }
  return value;
}
