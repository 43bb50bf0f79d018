import { DialedLink, type HostPort } from '@gatewayworker/core';
import { AcceptorRole, type GatewayEntry } from '@gatewayworker/protocol';
import type {
  Announcement,
  AnnouncementHandler,
  Directory,
  Discovery,
  DiscoveryOptions,
  GatewayMap,
} from './discovery.ts';
import { RegisterAnnouncement } from './register-announcement.ts';
import { RegisterDirectory } from './register-directory.ts';
import type { RegisterLinkHandlers } from './register-links.ts';

/** Discovery by registers: a link to each of them. One reachable register is enough. */
export class RegisterDiscovery implements Discovery {
  readonly #registers: readonly HostPort[];
  readonly #options: DiscoveryOptions;

  constructor(registers: readonly HostPort[], options: DiscoveryOptions) {
    this.#registers = registers;
    this.#options = options;
  }

  announce(gateway: GatewayEntry, handler: AnnouncementHandler): Announcement {
    return new RegisterAnnouncement(this.#registers, this.#dial, gateway, handler);
  }

  follow(onChange: (gateways: GatewayMap) => void): Directory {
    return new RegisterDirectory(this.#registers, this.#dial, onChange);
  }

  readonly #dial = (address: HostPort, handlers: RegisterLinkHandlers): DialedLink => {
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
  };
}
