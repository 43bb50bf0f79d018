import { brandErrors } from './error-brand.ts';
import type { ErrorCode } from './error-code.ts';

/** Thrown when bytes violate `docs/protocol.md`; the owner of the link then closes it. */
export class FrameError extends Error {
  override readonly name: string = 'FrameError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

brandErrors(FrameError, 'FrameError');
