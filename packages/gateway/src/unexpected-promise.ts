/**
 * Returns whether a synchronous function of the application has returned a promise, as an `async` function does. A
 * rejection of the promise is ignored.
 */
export function isUnexpectedPromise(value: unknown): boolean {
  const isObject = typeof value === 'object' && value !== null;
  if (!isObject || typeof Reflect.get(value, 'then') !== 'function') return false;
  Promise.resolve(value).catch(() => undefined);
  return true;
}
