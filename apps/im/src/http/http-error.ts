import type { FastifyInstance } from 'fastify';
import type { Logger } from 'gatewayworker';
import { errorStatus } from '../../shared/error-code.ts';
import { AppError, toAppError, toErrorBody } from '../app-error.ts';
import { drainBody } from './drain-body.ts';

/** Sends every error as `{ error, message, retryAfterMs? }`, and logs those that the client did not cause. */
export function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler(async (thrown, request, reply) => {
    const error = fromFastify(thrown) ?? toAppError(thrown);
    const status = errorStatus[error.code];
    const path = request.routeOptions.url;
    if (status === 500) logger.error({ err: error.cause, path }, 'request failed');
    if (status === 503) logger.warn({ path, err: error.cause }, 'request failed during an outage');
    if (error.retryAfterMs !== undefined) {
      reply.header('Retry-After', Math.ceil(error.retryAfterMs / 1000));
    }
    if (status === 413) await drainBody(request.raw);
    return reply.code(status).header('Cache-Control', 'no-store').send(toErrorBody(error));
  });
  app.setNotFoundHandler(() => {
    throw new AppError('not_found', 'Not found.');
  });
}

/** Converts an error of Fastify for a rejected request; undefined for other errors. */
function fromFastify(thrown: unknown): AppError | undefined {
  if (!(thrown instanceof Error) || !('statusCode' in thrown)) return undefined;
  const options = { cause: thrown };
  switch (thrown.statusCode) {
    case 400:
      return new AppError('invalid', thrown.message, options);
    case 413:
      return new AppError('too_large', 'The request body is too large.', options);
    case 415:
      return new AppError('wrong_content_type', 'Please send application/json.', options);
    default:
      return undefined;
  }
}
