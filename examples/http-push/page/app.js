// @ts-check

/** A failed request to the app. */
export class AppError extends Error {
  /**
   * @param {string} message
   * @param {ErrorOptions & { status?: number }} [options] status is 0 if there was no response
   */
  constructor(message, { status = 0, ...options } = {}) {
    super(message, options);
    this.status = status;
  }
}

/**
 * Sends a request to the app.
 *
 * @param {string} path
 * @param {object} [body] sent as JSON by POST; without a body the request is a GET
 * @returns {Promise<Record<string, any>>}
 * @throws {AppError} with the message of the app
 */
export async function callApp(path, body) {
  const response = await request(path, body);
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { status } = response;
  throw new AppError(answer.message ?? `The request failed with status ${status}.`, { status });
}

/**
 * @param {string} path
 * @param {object} [body]
 */
async function request(path, body) {
  const post = {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
  try {
    // A browser may wait minutes for an app that hangs.
    const signal = AbortSignal.timeout(10_000);
    return await fetch(path, body === undefined ? { signal } : { ...post, signal });
  } catch (error) {
    throw new AppError('The app does not respond. Please try again in a moment.', {
      cause: error,
    });
  }
}
