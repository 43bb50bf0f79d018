import {
  type DialedLink,
  type FrameConnection,
  formatHostPort,
  type HostPort,
  parseHostPort,
} from '@gatewayworker/core';
import { readMessage } from '@gatewayworker/protocol';
import type { Directory, GatewayMap } from './discovery.ts';
import { InitialSync } from './initial-sync.ts';
import { closeLinks, type DialRegister, RegisterFailures } from './register-links.ts';
import { RegisterViews } from './register-views.ts';

/** The gateways that are alive according to the registers. */
export class RegisterDirectory implements Directory {
  readonly #registerCount: number;
  readonly #links: readonly DialedLink[];
  readonly #onChange: (gateways: GatewayMap) => void;
  readonly #views: RegisterViews;
  readonly #failures = new RegisterFailures();
  readonly #sync: InitialSync;
  #gateways: GatewayMap = new Map();

  constructor(
    registers: readonly HostPort[],
    dial: DialRegister,
    onChange: (gateways: GatewayMap) => void,
  ) {
    this.#registerCount = registers.length;
    this.#onChange = onChange;
    this.#views = new RegisterViews((gateways) => {
      this.#gateways = gateways;
      this.#onChange(gateways);
    });
    this.#sync = new InitialSync(registers.length, () => this.#onChange(this.#gateways));
    this.#links = registers.map((address) =>
      dial(address, {
        onUp: (connection, { challenge }) => {
          this.#handleUp(address, connection, challenge.instanceId);
        },
        onDown: () => this.#views.disconnect(formatHostPort(address.host, address.port)),
        onFailed: (error) => this.#handleFailed(address, error),
      }),
    );
  }

  get hasSnapshot(): boolean {
    return this.#views.hasSnapshot;
  }

  get failures(): readonly string[] {
    return this.#failures.list();
  }

  get isSynced(): boolean {
    return this.#sync.isDone;
  }

  get failure(): Error | undefined {
    return this.#failures.worst;
  }

  get isKeyRefused(): boolean {
    return this.#failures.refusals === this.#registerCount;
  }

  get isFresh(): boolean {
    return this.#views.isFresh;
  }

  isAlive(address: string, instanceId: string): boolean {
    return this.#views.isAlive(address, instanceId);
  }

  async close(): Promise<void> {
    this.#sync.finish();
    this.#views.close();
    await closeLinks(this.#links);
  }

  #handleUp(address: HostPort, connection: FrameConnection, instanceId: string): void {
    const register = formatHostPort(address.host, address.port);
    this.#failures.clear(register);
    connection.onFrame = (command, buffer, start, end) => {
      const message = readMessage(command, buffer, start, end);
      if (message?.type !== 'gatewayList') return;
      // Check the whole list first: an invalid one ends the link and must not be applied in part.
      for (const gateway of message.gateways) parseHostPort('gatewayList.address', gateway.address);
      this.#views.update(register, instanceId, message.gateways);
      this.#sync.startGracePeriod();
      this.#sync.handleResult(address);
    };
  }

  #handleFailed(address: HostPort, error: Error): void {
    this.#failures.set(formatHostPort(address.host, address.port), error);
    this.#sync.handleResult(address);
    if (this.isKeyRefused) this.#onChange(this.#gateways);
  }
}
