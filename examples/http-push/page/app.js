// @ts-check

/** An answer of the app that is no success. */
export class AppError extends Error {
  /**
   * @param {string} message
   * @param {ErrorOptions & { status?: number }} [options] the status is 0 when there was no answer at all
   */
  constructor(message, { status = 0, ...options } = {}) {
    super(message, options);
    this.status = status;
  }
}

/**
 * Asks the app, or posts to it.
 *
 * @param {string} path
 * @param {object} [body] is posted as JSON; a body of undefined is a GET
 * @returns {Promise<Record<string, any>>}
 * @throws {AppError} with what the app says
 */
export async function callApp(path, body) {
  const response = await ask(path, body);
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { status } = response;
  throw new AppError(answer.message ?? `The app answers with ${status}.`, { status });
}

/**
 * @param {string} path
 * @param {object} [body]
 */
async function ask(path, body) {
  const request = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
  try {
    // Left alone, a browser may wait minutes for an app that hangs.
    const signal = AbortSignal.timeout(10_000);
    return await fetch(path, body === undefined ? { signal } : { ...request, signal });
  } catch (error) {
    throw new AppError('The app does not answer. Please try again in a moment.', {
      cause: error,
    });
  }
}
