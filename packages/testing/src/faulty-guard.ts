import { Guard, type Logger } from '@gatewayworker/core';

/** A guard that makes a chosen listener, timer or callback throw once, before it runs. */
export class FaultyGuard extends Guard {
  #armed: string | undefined;
  #thrown = 0;

  constructor(logger?: Logger) {
    super(logger);
  }

  /** Number of exceptions that it has thrown. */
  get thrown(): number {
    return this.#thrown;
  }

  /** Makes the next call at this point throw. */
  arm(point: string): void {
    this.#armed = point;
  }

  override wrap: Guard['wrap'] = (point, listener, end) => {
    const faulty = this;
    type Listener = typeof listener;
    const thrower: Listener = function (this: ThisParameterType<Listener>, ...args) {
      if (faulty.#armed === point) {
        faulty.#armed = undefined;
        faulty.#thrown += 1;
        throw new Error(`injected at ${point}`);
      }
      return listener.apply(this, args);
    };
    return super.wrap(point, thrower, end);
  };
}
