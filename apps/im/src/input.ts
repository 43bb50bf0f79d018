import { limits } from '../shared/limits.ts';
import { toLine, toText } from '../shared/text.ts';
import { AppError, invalid } from './app-error.ts';
import { isId } from './ids/id-generator.ts';

/** The fields of an object from a client, not validated. */
export type Fields = Readonly<Record<string, unknown>>;

/** Returns true for an object that is not an array. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws {AppError} `invalid` when the value is not an object or has other fields than these */
export function parseFields(value: unknown, known: readonly string[], what = 'body'): Fields {
  if (!isFields(value)) throw invalid(`The ${what} must be a JSON object.`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return value;
  const names = known.length === 0 ? 'none' : known.join(', ');
  throw invalid(`The ${what} has a field '${unknown.slice(0, 32)}'; allowed: ${names}.`);
}

/** @throws {AppError} `invalid` when it is not a string */
export function parseString(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value === 'string') return value;
  throw invalid(`'${key}' must be a string.`);
}

/** @throws {AppError} `invalid` when it is neither a string nor missing */
export function parseOptionalString(fields: Fields, key: string): string | undefined {
  return fields[key] === undefined ? undefined : parseString(fields, key);
}

/** @throws {AppError} `invalid` when it is neither a boolean nor missing */
export function parseFlag(fields: Fields, key: string): boolean {
  const value = fields[key] ?? false;
  if (typeof value === 'boolean') return value;
  throw invalid(`'${key}' must be true or false.`);
}

/** @throws {AppError} `invalid` when it is not an id */
export function parseIdField(fields: Fields, key: string): string {
  const value = fields[key];
  if (isId(value)) return value;
  throw invalid(`'${key}' must be an id: a string of digits.`);
}

/** @throws {AppError} `invalid` when it is not a list of ids, or longer than `max` */
export function parseIds(fields: Fields, key: string, max: number): string[] {
  const value = fields[key];
  if (!Array.isArray(value) || !value.every(isId)) throw invalid(`'${key}' must be a list of ids.`);
  if (value.length > max) throw invalid(`'${key}' has ${value.length} ids; allowed: ${max}.`);
  return [...new Set(value)];
}

/** @throws {AppError} `invalid` when it is not a `seq`: an integer from 1 */
export function parseSeq(fields: Fields, key: string): number {
  const value = fields[key];
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value < 2 ** 31) {
    return value;
  }
  throw invalid(`'${key}' must be the number of a message: 1 or more.`);
}

/** @throws {AppError} `invalid` when it is empty or too long */
export function parseLine(fields: Fields, key: string, max: number): string {
  const line = toLine(parseString(fields, key));
  if (line !== '' && line.length <= max) return line;
  throw invalid(`'${key}' must have 1 to ${max} characters.`);
}

/** @throws {AppError} `text_too_long` */
export function parseText(fields: Fields, key: string): string {
  const text = toText(parseString(fields, key));
  if (text.length <= limits.text) return text;
  const message = `The text has ${text.length} characters; allowed: ${limits.text}.`;
  throw new AppError('text_too_long', message);
}

/** @throws {AppError} `invalid` when it is not the hash of a picture */
export function parseHash(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value;
  throw invalid(`'${key}' must be the hash of a picture: 64 hexadecimal digits.`);
}
