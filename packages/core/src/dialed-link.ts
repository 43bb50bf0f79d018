import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { AcceptorRole, LinkPosition } from '@gatewayworker/protocol';
import type { SecretKey } from './authentication.ts';
import { backoffDelayMs } from './backoff.ts';
import type { FlushScheduler } from './flush-scheduler.ts';
import { FrameConnection } from './frame-connection.ts';
import { type AcceptorInfo, type DialerIdentity, dialHandshake } from './handshake.ts';
import { dialerTls, type InnerTlsOptions } from './inner-tls.ts';
import { linkTiming } from './link-timing.ts';
import type { Logger } from './logger.ts';
import { formatHostPort, type HostPort } from './options.ts';

const BACKOFF = { initialMs: 50, maxMs: 1000, random: Math.random };

/**
 * Longest interruption of a resumed link that is logged without a warning, in milliseconds. A gateway that hands over to
 * its successor interrupts its links for less.
 */
const MAX_QUIET_INTERRUPTION_MS = 1000;

/** Options of a dialed link. */
export interface DialedLinkOptions {
  readonly address: HostPort;
  readonly identity: DialerIdentity;
  /** Role that the acceptor must have. @default any role */
  readonly acceptorRole?: AcceptorRole;
  readonly secretKey: SecretKey;
  /** TLS of the link; `undefined` dials without TLS. */
  readonly tls?: InnerTlsOptions | undefined;
  readonly scheduler: FlushScheduler;
  readonly logger: Logger;
  /** Called when the link is up; must set `connection.onFrame` before it returns. */
  readonly onUp: (connection: FrameConnection, acceptor: AcceptorInfo) => void;
  /**
   * Called when the link that was up has ended. It is dialed again automatically.
   *
   * @param answeredBy - the process that has just answered at the address, and is linked next; it may be the process whose link has ended
   */
  readonly onDown: (reason: Error | undefined, answeredBy: AcceptorInfo | undefined) => void;
  /** Called when an attempt to dial failed. The next one follows automatically. */
  readonly onFailed?: (error: Error) => void;
}

/** The link that is up. Its socket may be broken. */
interface UpLink {
  readonly connection: FrameConnection;
  /** Id by which it can be resumed. */
  readonly linkId: string | undefined;
}

/** When and why the socket of a link broke. */
interface Interruption {
  readonly reason: string;
  /** Time of `performance.now()`. */
  readonly startedAt: number;
}

/**
 * A link to one address. Until it is closed it is dialed again indefinitely, with backoff and jitter.
 *
 * When its socket breaks, the link is resumed on the next socket if the peer allows it. No frame is then lost or
 * received twice in either direction, and `onUp` and `onDown` are not called.
 */
export class DialedLink {
  readonly #options: DialedLinkOptions;
  /** The connection that is being dialed, until its handshake has ended. */
  #dialing: FrameConnection | undefined;
  #up: UpLink | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #isClosed = false;
  /** Set while a new link replaces the previous one. */
  #answeredBy: AcceptorInfo | undefined;
  /** The last interruption of the link. */
  #interruption: Interruption | undefined;
  /** True while failed attempts to dial are not logged: this outage has a log line already. */
  #isRetryQuiet = false;

  constructor(options: DialedLinkOptions) {
    this.#options = options;
    this.#dial();
  }

  /** Stops dialing, sends what is queued and closes the link. Resolves when that is done, within about a second. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    const connections = [this.#dialing, this.#up?.connection];
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
    this.#dialing = connection;
    const outcome = {
      onLinked: scheduler.guard.wrap(
        'link up',
        (acceptor: AcceptorInfo) => this.#handleLinked(connection, acceptor),
        (error) => this.#failSetup(connection, error),
      ),
      onFailed: (error: Error) => {
        this.#dialing = undefined;
        this.#retry();
        this.#warnOnce(error);
        this.#options.onFailed?.(error);
      },
    };
    const options = { resume: this.#resumePosition(), acceptorRole: this.#options.acceptorRole };
    dialHandshake(connection, identity, secretKey, outcome, options);
  }

  #connect(): Socket {
    const { address, tls } = this.#options;
    const options = { ...address, allowHalfOpen: true };
    return tls === undefined ? connect(options) : connectTls({ ...options, ...dialerTls(tls) });
  }

  /** The position from which the broken link resumes. */
  #resumePosition(): LinkPosition | undefined {
    const { connection, linkId } = this.#up ?? {};
    if (connection === undefined || linkId === undefined) return undefined;
    return { linkId, received: connection.receivedBytes };
  }

  #handleLinked(fresh: FrameConnection, acceptor: AcceptorInfo): void {
    const { resumedAt } = acceptor.welcome;
    this.#attempt = 0;
    this.#isRetryQuiet = false;
    if (resumedAt === undefined) {
      this.#handleUp(fresh, acceptor);
    } else if (this.#up?.connection.canResumeAt(resumedAt) === true) {
      this.#logResumed();
      this.#up.connection.resumeOver(fresh, resumedAt);
    } else {
      // The link expired while the peer answered; the next attempt requests a new link.
      fresh.destroy();
      this.#retry();
    }
    this.#dialing = undefined;
  }

  /** Dials again after the setup of a new link has thrown. */
  #failSetup(fresh: FrameConnection, error: Error): void {
    this.#dialing = undefined;
    fresh.fail(error);
    if (this.#up?.connection !== fresh) this.#retry();
  }

  #handleUp(connection: FrameConnection, acceptor: AcceptorInfo): void {
    const { linkId } = acceptor.welcome;
    // The peer no longer has the previous link.
    this.#answeredBy = acceptor;
    try {
      this.#up?.connection.expire();
    } finally {
      this.#answeredBy = undefined;
    }
    this.#up = { connection, linkId };
    connection.startHeartbeat(linkTiming.heartbeatMs);
    if (linkId !== undefined) connection.makeResumable(linkTiming.resumeGraceMs);
    connection.onSuspended = (reason) => {
      this.#handleSuspended(reason.message);
      this.#dial();
    };
    connection.onClose = (reason) => this.#handleDown(connection, reason);
    this.#options.onUp(connection, acceptor);
  }

  /** Logs at level info. `#logResumed` or `#logDown` warns later, if the link resumes late or ends. */
  #handleSuspended(reason: string): void {
    this.#interruption = { reason, startedAt: performance.now() };
    this.#isRetryQuiet = true;
    this.#options.logger.info({ peer: this.#peer, reason }, 'inner link lost, reconnecting');
  }

  #logResumed(): void {
    if (this.#interruption === undefined) return;
    const { reason, startedAt } = this.#interruption;
    const interruptedMs = Math.round(performance.now() - startedAt);
    const level = interruptedMs > MAX_QUIET_INTERRUPTION_MS ? 'warn' : 'info';
    this.#options.logger[level]({ peer: this.#peer, reason, interruptedMs }, 'inner link resumed');
  }

  #handleDown(connection: FrameConnection, reason: Error | undefined): void {
    if (this.#up?.connection === connection) this.#up = undefined;
    if (!this.#isClosed) this.#logDown(reason);
    // A link that was suspended is being dialed already.
    if (this.#dialing === undefined && this.#retryTimer === undefined) this.#retry();
    this.#options.onDown(reason, this.#answeredBy);
  }

  #logDown(reason: Error | undefined): void {
    const { logger } = this.#options;
    const peer = this.#peer;
    // A peer that closes the link in an orderly way stops or restarts, which needs no warning.
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

  /** Logs one line per outage instead of one per attempt. */
  #warnOnce(error: Error): void {
    if (this.#isRetryQuiet || this.#isClosed) return;
    this.#isRetryQuiet = true;
    const bound = { peer: this.#peer, reason: error.message };
    this.#options.logger.warn(bound, 'inner link not connected, retrying');
  }
}
