/**
 * An error that `onRequest` throws to fail a request: the client gets its code and message. Of any other error it gets
 * only the code `internal`.
 */
export class RequestError extends Error {
  /** What went wrong, for programs, such as `not-found`. */
  readonly code: string;

  constructor(code: string, message: string = code, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RequestError';
    this.code = code;
  }
}
