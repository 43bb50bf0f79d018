/**
 * Tells whether an answer that is wanted at once is a promise, as that of an `async` function is. What
 * comes of it is ignored, a rejection too: nobody waits for it.
 */
export function isUnexpectedPromise(answer: unknown): boolean {
  const isObject = typeof answer === 'object' && answer !== null;
  if (!isObject || typeof Reflect.get(answer, 'then') !== 'function') return false;
  Promise.resolve(answer).catch(() => undefined);
  return true;
}
