import { limits } from '../../shared/limits.ts';
import { invalid } from '../app-error.ts';

/** The key by which names are compared: `Tom` and `TOM` have the same key. */
export function toNameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

/** @throws {AppError} `invalid` when the name has characters that are not allowed, or a wrong length */
export function checkName(name: string): string {
  const normal = name.normalize('NFC');
  const fits = normal.length >= limits.nameMin && normal.length <= limits.name;
  // A letter is required, so that no name looks like a phone number. Marks are allowed: some scripts use them for vowels.
  const isName = /^[\p{L}\p{M}\p{N}._-]+$/u.test(normal) && /\p{L}/u.test(normal);
  // NFKC expands some characters to many: the key of `ﷺ` would exceed the limit.
  if (fits && isName && toNameKey(normal).length <= 2 * limits.name) return normal;
  throw invalid(
    `A name has ${limits.nameMin} to ${limits.name} letters, digits, '.', '_' or '-', a letter among them.`,
  );
}

/** Returns the digits of a phone number, with its leading `+`; undefined for other texts. */
export function toPhone(text: string): string | undefined {
  const phone = text.replace(/[\s().-]/g, '');
  return /^\+?\d{6,15}$/.test(phone) ? phone : undefined;
}

/** @throws {AppError} `invalid` */
export function checkPhone(text: string): string {
  const phone = toPhone(text);
  if (phone !== undefined) return phone;
  throw invalid('A phone number has 6 to 15 digits, with or without a leading +.');
}

/** @throws {AppError} `invalid` */
export function checkPassword(password: string): string {
  if (password.length >= limits.passwordMin && password.length <= limits.password) return password;
  throw invalid(`A password has ${limits.passwordMin} to ${limits.password} characters.`);
}
