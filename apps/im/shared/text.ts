/** Controls, separators, lone surrogates, and what turns the writing direction of the text around it. */
const unfitForLine = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** One tidy line: no leading, trailing or doubled blanks; it may be empty. */
export function toLine(value: string): string {
  return value.replace(unfitForLine, ' ').replace(/\s+/gu, ' ').trim().normalize('NFC');
}

/** Controls other than tab and line feed, and lone surrogates. */
const unfitForText = /(?![\t\n])[\p{Cc}\p{Cs}]/gu;

/** A text of any number of lines, without blanks around it; it may be empty. */
export function toText(value: string): string {
  return value.replace(/\r\n?/gu, '\n').replace(unfitForText, '').trim();
}
