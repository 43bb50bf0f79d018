/** An error class of this or of another copy of the package. */
type ErrorClass = abstract new (...args: never[]) => Error;

/**
 * Makes `instanceof` recognise errors of every copy of a class in this process.
 *
 * A package is loaded twice if it is installed twice, or if tsx loads it both as CommonJS and as an ES module.
 * Subclasses without a brand are recognised by their prototype, as usual.
 *
 * @param name - name of the class, the same in every copy
 */
export function brandErrors(errorClass: ErrorClass, name: string): void {
  const brand = Symbol.for(`gatewayworker.${name}`);
  Object.defineProperty(errorClass.prototype, brand, { value: true });
  Object.defineProperty(errorClass, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== errorClass) return Reflect.apply(ordinaryHasInstance, this, [value]);
      return typeof value === 'object' && value !== null && brand in value;
    },
  });
}

const ordinaryHasInstance = Function.prototype[Symbol.hasInstance];
