import type { ClientClosure } from '../transports/transport.ts';

/** An event that waits for a worker, or that a worker has not finished. */
export type ClientEvent = (
  | { readonly kind: 'connected' }
  | { readonly kind: 'message'; readonly payload: Buffer; readonly isBinary: boolean }
  | { readonly kind: 'closed'; readonly closure: ClientClosure }
) & {
  /** How many workers died before they had finished it. */
  readonly attempts: number;
};
