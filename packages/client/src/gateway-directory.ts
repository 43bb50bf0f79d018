import {
  DialedLink,
  type DialerIdentity,
  type FlushScheduler,
  formatHostPort,
  type HostPort,
  type InnerTlsOptions,
  type Logger,
  parseHostPort,
  type SecretKey,
} from '@gatewayworker/core';
import { type GatewayEntry, readMessage } from '@gatewayworker/protocol';

/** What the directory needs. */
export interface GatewayDirectoryOptions {
  readonly registers: readonly HostPort[];
  readonly identity: DialerIdentity;
  readonly secretKey: SecretKey;
  readonly innerTls?: InnerTlsOptions | undefined;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  /** The gateways that are alive, by address, after each change, and when a register is gone. */
  readonly onChange: (gateways: ReadonlyMap<string, GatewayEntry>) => void;
}

/**
 * The gateways that are alive, as the registers tell.
 *
 * The lists of several registers are merged. What a register said last counts on while it is down.
 */
export class GatewayDirectory {
  readonly #options: GatewayDirectoryOptions;
  readonly #links: readonly DialedLink[];
  readonly #lists = new Map<string, readonly GatewayEntry[]>();
  /** Registers that are linked now and have told their list. */
  readonly #telling = new Set<string>();

  constructor(options: GatewayDirectoryOptions) {
    this.#options = options;
    this.#links = options.registers.map((address) => this.#dial(address));
  }

  /** True once a register has told which gateways are alive. */
  get isKnown(): boolean {
    return this.#lists.size > 0;
  }

  /** True while a register that would tell of each change is linked. */
  get isCurrent(): boolean {
    return this.#telling.size > 0;
  }

  /** Asks the registers no more. */
  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  #dial(address: HostPort): DialedLink {
    const { identity, secretKey, innerTls, scheduler, logger } = this.#options;
    const register = formatHostPort(address.host, address.port);
    return new DialedLink({
      address,
      identity,
      secretKey,
      tls: innerTls,
      scheduler,
      logger,
      onUp: (connection) => {
        connection.onFrame = (command, buffer, start, end) => {
          const message = readMessage(command, buffer, start, end);
          if (message?.type === 'gatewayList') this.#handleList(register, message.gateways);
        };
      },
      onDown: () => {
        this.#telling.delete(register);
        this.#publish();
      },
    });
  }

  #handleList(register: string, gateways: readonly GatewayEntry[]): void {
    // All of a list counts, or nothing: one that breaks the link must leave no trace.
    for (const { address } of gateways) parseHostPort('gatewayList.address', address);
    this.#lists.set(register, gateways);
    this.#telling.add(register);
    this.#publish();
  }

  #publish(): void {
    const merged = new Map<string, GatewayEntry>();
    for (const list of this.#lists.values()) {
      for (const gateway of list) merged.set(gateway.address, gateway);
    }
    this.#options.onChange(merged);
  }
}
