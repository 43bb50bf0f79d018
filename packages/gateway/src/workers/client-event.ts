import type { ClientClosure } from '../transports/transport.ts';

/** An event that is held, or that a worker has not acknowledged. */
export type ClientEvent = (
  | { readonly kind: 'connected' }
  | {
      readonly kind: 'message';
      readonly payload: Buffer;
      readonly isBinary: boolean;
      /** Number of the client for it; 0 for a client that cannot resume. */
      readonly number: number;
    }
  | {
      readonly kind: 'request';
      readonly number: number;
      readonly requestType: string;
      readonly payload: Buffer;
      readonly isBinary: boolean;
    }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'resumed'; readonly awayMs: number }
  | { readonly kind: 'closed'; readonly closure: ClientClosure }
) & {
  /** Number of workers that died before they acknowledged it. */
  readonly attempts: number;
};
