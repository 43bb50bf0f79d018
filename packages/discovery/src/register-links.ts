import {
  type DialedLink,
  type DialedLinkOptions,
  describeDialFailure,
  GatewayWorkerError,
  type HostPort,
} from '@gatewayworker/core';

/** Callbacks of a link to a register. */
export type RegisterLinkHandlers = Pick<DialedLinkOptions, 'onUp' | 'onDown' | 'onFailed'>;

/** Dials a register. */
export type DialRegister = (address: HostPort, handlers: RegisterLinkHandlers) => DialedLink;

/** Why registers could not be linked at the last attempt. */
export class RegisterFailures {
  readonly #errors = new Map<string, Error>();

  set(register: string, error: Error): void {
    this.#errors.set(register, error);
  }

  clear(register: string): void {
    this.#errors.delete(register);
  }

  /** A failure that retries cannot fix if there is one, otherwise the last failure. */
  get worst(): Error | undefined {
    const all = [...this.#errors.values()];
    return all.find(isFinal) ?? all.at(-1);
  }

  /** Number of registers that have refused the key. */
  get refusals(): number {
    return [...this.#errors.values()].filter(isRefusal).length;
  }

  /** One clause for each failure, with the address of the register. */
  list(): string[] {
    return Array.from(this.#errors, ([register, error]) =>
      describeDialFailure('register', register, error),
    );
  }
}

/** Closes all links. */
export async function closeLinks(links: readonly DialedLink[]): Promise<void> {
  await Promise.all(links.map((link) => link.close()));
}

/** True when retries cannot succeed until the configuration of a process changes. */
function isFinal(error: Error): boolean {
  return error instanceof GatewayWorkerError && !error.retryable;
}

function isRefusal(error: Error): boolean {
  return error instanceof GatewayWorkerError && error.code === 'GW_ERR_AUTHENTICATION_FAILED';
}
