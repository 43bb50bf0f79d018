/** Longest texts, in UTF-16 code units, as `maxlength` of an input counts. */
export const textLimits = { name: 32, text: 500 } as const;

/** Control characters, separators, lone surrogates and bidirectional controls. */
const unfit = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Normalizes whitespace to single spaces, trims, and composes Unicode (NFC); may return ''. */
export function toLine(value: string): string {
  return value.replace(unfit, ' ').replace(/\s+/gu, ' ').trim().normalize('NFC');
}
