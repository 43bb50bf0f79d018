import type { FastifyRequest } from 'fastify';
import { invalid } from '../app-error.ts';
import { type Fields, isFields, parseIdField } from '../input.ts';

/** @throws {AppError} `invalid` when this part of the path is not an id */
export function parseIdParameter(request: FastifyRequest, name: string): string {
  return parseIdField(fieldsOf(request.params), name);
}

/** Returns a part of the path, not validated. */
export function textParameter(request: FastifyRequest, name: string): string {
  const value = fieldsOf(request.params)[name];
  return typeof value === 'string' ? value : '';
}

/** Returns a parameter of the query; '' when it is missing or repeated. */
export function queryText(request: FastifyRequest, name: string): string {
  const value = fieldsOf(request.query)[name];
  return typeof value === 'string' ? value : '';
}

/** @throws {AppError} `invalid` when it is given but not a number from 0 to `max` */
export function queryNumber(
  request: FastifyRequest,
  name: string,
  max: number,
): number | undefined {
  const value = fieldsOf(request.query)[name];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^\d{1,10}$/.test(value) && Number(value) <= max) {
    return Number(value);
  }
  throw invalid(`'${name}' must be a number from 0 to ${max}.`);
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}
