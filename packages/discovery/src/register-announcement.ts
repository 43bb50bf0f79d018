import {
  type DialedLink,
  type FrameConnection,
  formatHostPort,
  type HostPort,
} from '@gatewayworker/core';
import { type GatewayEntry, readMessage } from '@gatewayworker/protocol';
import type { Announcement, AnnouncementHandler } from './discovery.ts';
import { closeLinks, type DialRegister, RegisterFailures } from './register-links.ts';

/** Announces a gateway to each register, and again after each reconnect. */
export class RegisterAnnouncement implements Announcement {
  readonly settled: Promise<void>;
  readonly #gateway: GatewayEntry;
  readonly #handler: AnnouncementHandler;
  readonly #links: readonly DialedLink[];
  readonly #failures = new RegisterFailures();
  /** Addresses of the registers whose links are up. */
  readonly #connected = new Set<string>();
  /** Registers that have got the announcement at least once. */
  readonly #announced = new Set<HostPort>();
  #settle: () => void = () => undefined;

  constructor(
    registers: readonly HostPort[],
    dial: DialRegister,
    gateway: GatewayEntry,
    handler: AnnouncementHandler,
  ) {
    this.#gateway = gateway;
    this.#handler = handler;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#links = registers.map((address) =>
      dial(address, {
        onUp: (connection) => this.#handleUp(address, connection),
        onDown: () => this.#handleDown(formatHostPort(address.host, address.port)),
        onFailed: (error) => this.#handleFailed(address, error),
      }),
    );
  }

  get isAnnounced(): boolean {
    return this.#announced.size > 0;
  }

  get failures(): readonly string[] {
    return this.#failures.list();
  }

  get isConnected(): boolean {
    return this.#connected.size > 0;
  }

  async close(): Promise<void> {
    await closeLinks(this.#links);
  }

  #handleUp(address: HostPort, connection: FrameConnection): void {
    const register = formatHostPort(address.host, address.port);
    connection.onFrame = (command, buffer, start, end) => {
      const message = readMessage(command, buffer, start, end);
      if (message?.type !== 'workerList') return;
      this.#handler.onWorkers(register, message.instanceIds);
      this.#settle();
    };
    this.#failures.clear(register);
    const isAgain = this.#announced.has(address);
    connection.send({ type: 'gatewayAnnouncement', gateway: this.#gateway, isAgain });
    this.#announced.add(address);
    this.#connected.add(register);
  }

  #handleDown(register: string): void {
    this.#connected.delete(register);
    this.#handler.onSourceLost(register);
    this.#settle();
  }

  #handleFailed({ host, port }: HostPort, error: Error): void {
    this.#failures.set(formatHostPort(host, port), error);
    this.#settle();
  }
}
