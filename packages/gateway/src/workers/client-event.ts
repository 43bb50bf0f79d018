import type { ClientClosure } from '../transports/transport.ts';

/** An event that is held, or that a worker has not acknowledged. */
export type ClientEvent = (
  | { readonly kind: 'connected' }
  | { readonly kind: 'message'; readonly payload: Buffer; readonly isBinary: boolean }
  | { readonly kind: 'closed'; readonly closure: ClientClosure }
) & {
  /** Number of workers that died before they acknowledged it. */
  readonly attempts: number;
};
