import { connect } from 'node:net';
import { backoffDelayMs } from './backoff.ts';
import type { FlushScheduler } from './flush-scheduler.ts';
import { FrameConnection } from './frame-connection.ts';
import { LINK_HEARTBEAT_MS } from './frame-server.ts';
import { type AcceptorIntroduction, type DialerIdentity, dialHandshake } from './handshake.ts';
import type { Logger } from './logger.ts';
import { formatHostPort, type HostPort } from './options.ts';

const BACKOFF = { initialMs: 50, maxMs: 1000, random: Math.random };

/** What a dialed link needs. */
export interface DialedLinkOptions {
  readonly address: HostPort;
  readonly identity: DialerIdentity;
  readonly secretKey: string;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  /** The link is up; sets `connection.onFrame` within the call. */
  readonly onUp: (connection: FrameConnection, acceptor: AcceptorIntroduction) => void;
  /** The link that was up is down. It is dialed again by itself. */
  readonly onDown: (reason: Error | undefined) => void;
  /** An attempt to dial failed. It is made again by itself. */
  readonly onFailed?: (error: Error) => void;
}

/** A link to one address that is dialed again for ever, with backoff and jitter, until it is closed. */
export class DialedLink {
  readonly #options: DialedLinkOptions;
  #connection: FrameConnection | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #isClosed = false;
  #hasWarned = false;

  constructor(options: DialedLinkOptions) {
    this.#options = options;
    this.#dial();
  }

  /** Dials no more, sends what is queued and closes. Resolves when that is done, within about a second. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    this.#connection?.close();
    await this.#connection?.closed;
  }

  #dial(): void {
    const { address, scheduler, identity, secretKey } = this.#options;
    const socket = connect({ ...address, allowHalfOpen: true });
    const connection = new FrameConnection(socket, scheduler);
    this.#connection = connection;
    dialHandshake(connection, identity, secretKey, {
      onLinked: (acceptor) => this.#handleUp(connection, acceptor),
      onFailed: (error) => {
        this.#warnOnce(error);
        this.#options.onFailed?.(error);
        this.#retry();
      },
    });
  }

  #handleUp(connection: FrameConnection, acceptor: AcceptorIntroduction): void {
    const { address, onUp, onDown } = this.#options;
    this.#attempt = 0;
    this.#hasWarned = false;
    connection.startHeartbeat(LINK_HEARTBEAT_MS);
    connection.onClose = (reason) => {
      if (!this.#isClosed) this.#logDown(formatHostPort(address.host, address.port), reason);
      onDown(reason);
      this.#retry();
    };
    onUp(connection, acceptor);
  }

  #logDown(peer: string, reason: Error | undefined): void {
    const { logger } = this.#options;
    // A peer that closes in good order stops or restarts, which is nothing to worry about.
    if (reason === undefined) logger.info({ peer }, 'inner link closed by the peer');
    else logger.warn({ peer, reason: reason.message }, 'inner link lost');
  }

  #retry(): void {
    if (this.#isClosed) return;
    this.#retryTimer = setTimeout(() => this.#dial(), backoffDelayMs(this.#attempt, BACKOFF));
    this.#attempt += 1;
  }

  /** One line per outage, not one per attempt. */
  #warnOnce(error: Error): void {
    if (this.#hasWarned || this.#isClosed) return;
    this.#hasWarned = true;
    const peer = formatHostPort(this.#options.address.host, this.#options.address.port);
    this.#options.logger.warn({ peer, reason: error.message }, 'inner link not up, dialing on');
  }
}
