import {
  DialedLink,
  type DialedLinkOptions,
  formatHostPort,
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
import { MergedLists } from './merged-lists.ts';

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
          onFailed: () => resolve(),
        });
      });
    });
    return {
      settled,
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
    const lists = new MergedLists(onChange);
    const links = this.#registers.map((address) => {
      const register = formatHostPort(address.host, address.port);
      return this.#dial(address, {
        onUp: (connection, { challenge }) => {
          connection.onFrame = (command, buffer, start, end) => {
            const message = readMessage(command, buffer, start, end);
            if (message?.type !== 'gatewayList') return;
            // All of a list counts, or nothing: one that breaks the link must leave no trace.
            for (const { address: gateway } of message.gateways) {
              parseHostPort('gatewayList.address', gateway);
            }
            lists.update(register, challenge.instanceId, message.gateways);
          };
        },
        onDown: () => lists.lose(register),
      });
    });
    return {
      get isKnown() {
        return lists.isKnown;
      },
      get isCurrent() {
        return lists.isCurrent;
      },
      isAlive: (address, instanceId) => lists.isAlive(address, instanceId),
      close: async () => {
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

async function closeAll(links: readonly DialedLink[]): Promise<void> {
  await Promise.all(links.map((link) => link.close()));
}
