import { limits } from '../../shared/limits.ts';
import { invalid } from '../app-error.ts';

/** How names are compared: `Tom` and `TOM` are one. */
export function toNameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

/** @throws {AppError} `invalid` when the name has other characters than are allowed, or too many */
export function checkName(name: string): string {
  const normal = name.normalize('NFC');
  const fits = normal.length >= limits.nameMin && normal.length <= limits.name;
  // A letter, so that no name looks like a phone number; marks, because some scripts write vowels with them.
  const isName = /^[\p{L}\p{M}\p{N}._-]+$/u.test(normal) && /\p{L}/u.test(normal);
  // Some single characters stand for several: `ﷺ` would get past the limit as a key.
  if (fits && isName && toNameKey(normal).length <= 2 * limits.name) return normal;
  throw invalid(
    `A name has ${limits.nameMin} to ${limits.name} letters, digits, '.', '_' or '-', a letter among them.`,
  );
}

/** The digits of a phone number, with a leading `+` if it has one; undefined when it is none. */
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
