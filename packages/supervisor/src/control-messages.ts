import type { WireError } from '@gatewayworker/core';
import { parseJson, readField, readNumber, readString } from './json-value.ts';

/** What the command line asks of a running master; one JSON line each, over the control socket. */
export const ControlCommand = {
  /** Answers `{ pid }`. */
  ping: 'ping',
  /** Answers a `StatusReport`. */
  status: 'status',
  /** Answers `{ pid, timeoutMs }` at once; the socket closes when everything has stopped. */
  stop: 'stop',
} as const;
export type ControlCommand = (typeof ControlCommand)[keyof typeof ControlCommand];

/** A line from the command line to the master. */
export interface ControlRequest {
  /** Chosen by the asker; the answer carries it too. */
  readonly request: number;
  readonly command: ControlCommand;
}

/** A line from the master to the command line. */
export type ControlResponse =
  | { readonly request: number; readonly result: unknown }
  | { readonly request: number; readonly error: WireError };

/** Reads a request; `undefined` when the line is not one. */
export function parseControlRequest(line: string): ControlRequest | undefined {
  const value = parseJson(line);
  const request = readNumber(value, 'request');
  const command = Object.values(ControlCommand).find(
    (known) => known === readString(value, 'command'),
  );
  return request === undefined || command === undefined ? undefined : { request, command };
}

/** Reads a response; `undefined` when the line is not one. */
export function parseControlResponse(line: string): ControlResponse | undefined {
  const value = parseJson(line);
  const request = readNumber(value, 'request');
  if (request === undefined) return undefined;
  const error = readField(value, 'error');
  if (error === undefined) return { request, result: readField(value, 'result') };
  const code = readString(error, 'code');
  const message = readString(error, 'message');
  if (code === undefined || message === undefined) return undefined;
  return { request, error: { code, message } };
}
