/** Control characters, separators, lone surrogates and bidirectional controls. */
const unfitForLine = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Normalizes whitespace to single spaces, trims, and composes Unicode (NFC); may return ''. */
export function toLine(value: string): string {
  return value.replace(unfitForLine, ' ').replace(/\s+/gu, ' ').trim().normalize('NFC');
}

/** Control characters except tab and line feed, and lone surrogates. */
const unfitForText = /(?![\t\n])[\p{Cc}\p{Cs}]/gu;

/** Normalizes line breaks, removes control characters and trims; may return ''. */
export function toText(value: string): string {
  return value.replace(/\r\n?/gu, '\n').replace(unfitForText, '').trim();
}
