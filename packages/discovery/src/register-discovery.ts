import {
  DialedLink,
  type DialedLinkOptions,
  describeDialFailure,
  formatHostPort,
  GatewayWorkerError,
  type HostPort,
  parseHostPort,
} from '@gatewayworker/core';
import { AcceptorRole, type GatewayEntry, readMessage } from '@gatewayworker/protocol';
import type {
  Announcement,
  AnnouncementHandler,
  Directory,
  Discovery,
  DiscoveryOptions,
  GatewayMap,
} from './discovery.ts';
import { RegisterViews } from './register-views.ts';

/** Time that other registers have to tell their lists once one has, in milliseconds. */
const OTHERS_MS = 1000;

/** Discovery by registers: a link to each, any one of which is enough. */
export class RegisterDiscovery implements Discovery {
  readonly #registers: readonly HostPort[];
  readonly #options: DiscoveryOptions;

  constructor(registers: readonly HostPort[], options: DiscoveryOptions) {
    this.#registers = registers;
    this.#options = options;
  }

  announce(gateway: GatewayEntry, handler: AnnouncementHandler): Announcement {
    let links: readonly DialedLink[] = [];
    const telling = new Set<string>();
    const failures = new DialFailures();
    let isKnown = false;
    const settled = new Promise<void>((resolve) => {
      links = this.#registers.map((address) => {
        const register = formatHostPort(address.host, address.port);
        let isAgain = false;
        return this.#dial(address, {
          onUp: (connection) => {
            connection.onFrame = (command, buffer, start, end) => {
              const message = readMessage(command, buffer, start, end);
              if (message?.type !== 'workerList') return;
              handler.onWorkers(register, message.instanceIds);
              resolve();
            };
            failures.clear(register);
            connection.send({ type: 'gatewayAnnouncement', gateway, isAgain });
            isAgain = true;
            telling.add(register);
            isKnown = true;
          },
          onDown: () => {
            telling.delete(register);
            handler.onSourceLost(register);
            resolve();
          },
          onFailed: (error) => {
            failures.note(register, error);
            resolve();
          },
        });
      });
    });
    return {
      settled,
      get failures() {
        return failures.list();
      },
      get isKnown() {
        return isKnown;
      },
      get isCurrent() {
        return telling.size > 0;
      },
      close: () => closeAll(links),
    };
  }

  follow(onChange: (gateways: GatewayMap) => void): Directory {
    let gateways: GatewayMap = new Map();
    const lists = new RegisterViews((changed) => {
      gateways = changed;
      onChange(changed);
    });
    const failures = new DialFailures();
    const registers = this.#registers.length;
    const round = new InitialSync(registers, () => onChange(gateways));
    const links = this.#registers.map((address) => {
      const register = formatHostPort(address.host, address.port);
      let isHeard = false;
      const handleHeard = (): void => {
        if (!isHeard) round.handleHeard();
        isHeard = true;
      };
      return this.#dial(address, {
        onUp: (connection, { challenge }) => {
          failures.clear(register);
          connection.onFrame = (command, buffer, start, end) => {
            const message = readMessage(command, buffer, start, end);
            if (message?.type !== 'gatewayList') return;
            // All of a list counts, or nothing: one that breaks the link must leave no trace.
            for (const { address: gateway } of message.gateways) {
              parseHostPort('gatewayList.address', gateway);
            }
            lists.update(register, challenge.instanceId, message.gateways);
            round.hurry();
            handleHeard();
          };
        },
        onDown: () => lists.lose(register),
        onFailed: (error) => {
          failures.note(register, error);
          handleHeard();
          if (failures.refusals === registers) onChange(gateways);
        },
      });
    });
    return {
      get failures() {
        return failures.list();
      },
      get isKnown() {
        return lists.isKnown;
      },
      get failure() {
        return failures.gravest;
      },
      get isRefused() {
        return failures.refusals === registers;
      },
      get isCurrent() {
        return lists.isCurrent;
      },
      get isComplete() {
        return round.isOver;
      },
      isAlive: (address, instanceId) => lists.isAlive(address, instanceId),
      close: async () => {
        round.end();
        lists.close();
        await closeAll(links);
      },
    };
  }

  #dial(
    address: HostPort,
    handlers: Pick<DialedLinkOptions, 'onUp' | 'onDown' | 'onFailed'>,
  ): DialedLink {
    const { identity, secretKey, innerTls, scheduler, logger } = this.#options;
    return new DialedLink({
      address,
      identity,
      acceptorRole: AcceptorRole.Register,
      secretKey,
      tls: innerTls,
      scheduler,
      logger,
      ...handlers,
    });
  }
}

/** Why registers could not be linked at the last attempt. */
class DialFailures {
  readonly #errors = new Map<string, Error>();

  note(register: string, error: Error): void {
    this.#errors.set(register, error);
  }

  clear(register: string): void {
    this.#errors.delete(register);
  }

  /** A final failure if there is one, otherwise the last failure. */
  get gravest(): Error | undefined {
    const all = [...this.#errors.values()];
    return all.find(isFinal) ?? all.at(-1);
  }

  /** Registers that have refused the key. */
  get refusals(): number {
    return [...this.#errors.values()].filter(isRefusal).length;
  }

  list(): string[] {
    return Array.from(this.#errors, ([register, error]) =>
      describeDialFailure('register', register, error),
    );
  }
}

/** The first answers of the registers, which a process that starts waits for: one that knows of nobody may be the first to answer. */
class InitialSync {
  readonly #onOver: () => void;
  #unheard: number;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(registers: number, onOver: () => void) {
    this.#unheard = registers;
    this.#onOver = onOver;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A register has answered, or was dialed in vain. */
  handleHeard(): void {
    this.#unheard -= 1;
    if (this.#unheard > 0 || this.#isOver) return;
    this.end();
    this.#onOver();
  }

  /** One has answered: the others have a moment. */
  hurry(): void {
    if (this.#isOver) return;
    this.#timer ??= setTimeout(() => {
      this.end();
      this.#onOver();
    }, OTHERS_MS);
  }

  /** Nobody is waited for any more. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}

/** True when retries cannot succeed until the configuration of a process changes. */
function isFinal(error: Error): boolean {
  return error instanceof GatewayWorkerError && !error.retryable;
}

function isRefusal(error: Error): boolean {
  return error instanceof GatewayWorkerError && error.code === 'GW_ERR_AUTHENTICATION_FAILED';
}

async function closeAll(links: readonly DialedLink[]): Promise<void> {
  await Promise.all(links.map((link) => link.close()));
}
