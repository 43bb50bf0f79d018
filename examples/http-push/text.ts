/** What people may type, in UTF-16 code units, which is also how `maxlength` of an input counts. */
export const textLimits = { name: 32, text: 500 } as const;

/** Controls, separators, lone surrogates, and what turns the writing direction of the text around it. */
const unfit = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Makes one tidy line of what somebody typed: no leading, trailing or doubled blanks; it may be empty. */
export function toLine(value: string): string {
  return value.replace(unfit, ' ').replace(/\s+/gu, ' ').trim().normalize('NFC');
}
