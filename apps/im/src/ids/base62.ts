import { randomBytes } from 'node:crypto';

const digits = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** Encodes a 64-bit number in base62: 1 to 11 characters. */
export function toBase62(value: bigint): string {
  let text = '';
  let rest = BigInt.asUintN(64, value);
  do {
    text = (digits[Number(rest % 62n)] ?? '') + text;
    rest /= 62n;
  } while (rest > 0n);
  return text;
}

/** Decodes a result of `toBase62`; undefined for other texts. */
export function fromBase62(text: string): bigint | undefined {
  if (!/^[0-9a-zA-Z]{1,11}$/.test(text)) return undefined;
  let value = 0n;
  for (const digit of text) value = value * 62n + BigInt(digits.indexOf(digit));
  return value < 1n << 64n && toBase62(value) === text ? value : undefined;
}

/** Returns a random 64-bit number in base62, which cannot be guessed. */
export function randomCode(): string {
  return toBase62(randomBytes(8).readBigUInt64BE());
}
