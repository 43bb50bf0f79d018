import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { AcceptorRole, LinkPosition } from '@gatewayworker/protocol';
import type { SecretKey } from './authentication.ts';
import { backoffDelayMs } from './backoff.ts';
import type { FlushScheduler } from './flush-scheduler.ts';
import { FrameConnection } from './frame-connection.ts';
import { LINK_HEARTBEAT_MS, RESUME_GRACE_MS } from './frame-server.ts';
import { type AcceptorIntroduction, type DialerIdentity, dialHandshake } from './handshake.ts';
import { dialerTls, type InnerTlsOptions } from './inner-tls.ts';
import type { Logger } from './logger.ts';
import { formatHostPort, type HostPort } from './options.ts';

const BACKOFF = { initialMs: 50, maxMs: 1000, random: Math.random };

/** What a dialed link needs. */
export interface DialedLinkOptions {
  readonly address: HostPort;
  readonly identity: DialerIdentity;
  /** Who must answer there. @default anyone */
  readonly acceptorRole?: AcceptorRole;
  readonly secretKey: SecretKey;
  /** TLS of the link; `undefined` dials in plain. */
  readonly tls?: InnerTlsOptions | undefined;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  /** The link is up; sets `connection.onFrame` within the call. */
  readonly onUp: (connection: FrameConnection, acceptor: AcceptorIntroduction) => void;
  /**
   * The link that was up is down. It is dialed again by itself.
   *
   * @param successor - who has just answered there, the same process or another one, and is linked next
   */
  readonly onDown: (reason: Error | undefined, successor: AcceptorIntroduction | undefined) => void;
  /** An attempt to dial failed. It is made again by itself. */
  readonly onFailed?: (error: Error) => void;
}

/** The link that is up, though its socket may be broken. */
interface UpLink {
  readonly connection: FrameConnection;
  /** Name by which it can be resumed. */
  readonly linkId: string | undefined;
}

/**
 * A link to one address that is dialed again for ever, with backoff and jitter, until it is closed.
 *
 * When its socket breaks, the link is resumed over the next one if the peer allows it: nothing that was
 * sent either way is lost or comes twice, and nobody is told.
 */
export class DialedLink {
  readonly #options: DialedLinkOptions;
  /** A socket that is dialed or on which the peers prove themselves. */
  #attempted: FrameConnection | undefined;
  #up: UpLink | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #isClosed = false;
  /** Set while the link before gives way to a new one. */
  #successor: AcceptorIntroduction | undefined;
  #hasWarned = false;

  constructor(options: DialedLinkOptions) {
    this.#options = options;
    this.#dial();
  }

  /** Dials no more, sends what is queued and closes. Resolves when that is done, within about a second. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    const connections = [this.#attempted, this.#up?.connection];
    for (const connection of connections) connection?.close();
    await Promise.all(connections.map((connection) => connection?.closed));
  }

  /** Ends a link whose socket is broken at once, because its peer is known to be dead. */
  expire(): void {
    this.#up?.connection.expire();
  }

  get #peer(): string {
    return formatHostPort(this.#options.address.host, this.#options.address.port);
  }

  #dial(): void {
    const { scheduler, identity, secretKey } = this.#options;
    const connection = new FrameConnection(this.#connect(), scheduler);
    this.#attempted = connection;
    const outcome = {
      onLinked: scheduler.guard.wrap(
        'link up',
        (acceptor: AcceptorIntroduction) => this.#handleLinked(connection, acceptor),
        (error) => this.#abandon(connection, error),
      ),
      onFailed: (error: Error) => {
        this.#attempted = undefined;
        this.#retry();
        this.#warnOnce(error);
        this.#options.onFailed?.(error);
      },
    };
    const options = { resume: this.#position(), acceptorRole: this.#options.acceptorRole };
    dialHandshake(connection, identity, secretKey, outcome, options);
  }

  #connect(): Socket {
    const { address, tls } = this.#options;
    const options = { ...address, allowHalfOpen: true };
    return tls === undefined ? connect(options) : connectTls({ ...options, ...dialerTls(tls) });
  }

  /** Where the link that broke is to go on. */
  #position(): LinkPosition | undefined {
    const { connection, linkId } = this.#up ?? {};
    if (connection === undefined || linkId === undefined) return undefined;
    return { linkId, received: connection.receivedBytes };
  }

  #handleLinked(fresh: FrameConnection, acceptor: AcceptorIntroduction): void {
    const { resumedAt } = acceptor.welcome;
    this.#attempt = 0;
    this.#hasWarned = false;
    if (resumedAt === undefined) {
      this.#handleUp(fresh, acceptor);
    } else if (this.#up?.connection.canResumeAt(resumedAt) === true) {
      this.#options.logger.info({ peer: this.#peer }, 'inner link resumed');
      this.#up.connection.resumeOver(fresh, resumedAt);
    } else {
      // The link expired while the peer answered; the next attempt requests a new link.
      fresh.destroy();
      this.#retry();
    }
    this.#attempted = undefined;
  }

  /** A link that was set up could not be taken: it is dialed again. */
  #abandon(fresh: FrameConnection, error: Error): void {
    this.#attempted = undefined;
    fresh.fail(error);
    if (this.#up?.connection !== fresh) this.#retry();
  }

  #handleUp(connection: FrameConnection, acceptor: AcceptorIntroduction): void {
    const { linkId } = acceptor.welcome;
    // The peer knows nothing of the one before any more.
    this.#successor = acceptor;
    try {
      this.#up?.connection.expire();
    } finally {
      this.#successor = undefined;
    }
    this.#up = { connection, linkId };
    connection.startHeartbeat(LINK_HEARTBEAT_MS);
    if (linkId !== undefined) connection.makeResumable(RESUME_GRACE_MS);
    connection.onSuspended = (reason) => {
      const { logger } = this.#options;
      logger.warn({ peer: this.#peer, reason: reason.message }, 'inner link lost, reconnecting');
      this.#hasWarned = true;
      this.#dial();
    };
    connection.onClose = (reason) => this.#handleDown(connection, reason);
    this.#options.onUp(connection, acceptor);
  }

  #handleDown(connection: FrameConnection, reason: Error | undefined): void {
    if (this.#up?.connection === connection) this.#up = undefined;
    if (!this.#isClosed) this.#logDown(reason);
    // While it was broken it was dialed already.
    if (this.#attempted === undefined && this.#retryTimer === undefined) this.#retry();
    this.#options.onDown(reason, this.#successor);
  }

  #logDown(reason: Error | undefined): void {
    const { logger } = this.#options;
    const peer = this.#peer;
    // A peer that closes in good order stops or restarts, which is nothing to worry about.
    if (reason === undefined) logger.debug({ peer }, 'inner link closed by the peer');
    else logger.warn({ peer, reason: reason.message }, 'inner link lost');
  }

  #retry(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#retryTimer);
    const delayMs = backoffDelayMs(this.#attempt, BACKOFF);
    const dial = (): void => {
      this.#retryTimer = undefined;
      this.#dial();
    };
    const { guard } = this.#options.scheduler;
    this.#retryTimer = setTimeout(
      guard.wrap('link dial', dial, () => this.#retry()),
      delayMs,
    );
    this.#attempt += 1;
  }

  /** One line per outage, not one per attempt. */
  #warnOnce(error: Error): void {
    if (this.#hasWarned || this.#isClosed) return;
    this.#hasWarned = true;
    const bound = { peer: this.#peer, reason: error.message };
    this.#options.logger.warn(bound, 'inner link not connected, retrying');
  }
}
