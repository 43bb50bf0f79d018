import type { Guard, Logger } from '@gatewayworker/core';
import type { GatewayLink } from '@gatewayworker/gateway-client';
import { ClosedBy, type Message } from '@gatewayworker/protocol';
import type { ClientContext } from './client-context.ts';
import type { Closed } from './event-handler.ts';

/** Interval at which held sessions are checked, in milliseconds. */
const CHECK_MS = 10;

/** Sessions that are sent to gateways in one check. */
const PARKED_PER_CHECK = 64;

/** Time for a gateway to attach a session that was sent to it, in milliseconds; then another one gets it. */
const ATTACH_TIMEOUT_MS = 3000;

/** Time for a gateway to release a session, in milliseconds; a gateway that hangs loses it. */
const RELEASE_TIMEOUT_MS = 1000;

/** A session without a gateway. */
interface HeldSession {
  readonly context: ClientContext;
  /** When the client lost its connection. */
  readonly droppedAt: number;
  /** True when the application knows that the client has no connection. */
  readonly isParked: boolean;
  /** When it is sent to a gateway. */
  parkAt: number;
  /** True while a gateway has it and has not attached it. */
  isGiven: boolean;
}

/** A session that this worker has requested from the gateway of the client. */
interface PendingRelease {
  readonly context: ClientContext;
  /** The gateway that claims it. */
  readonly claimedBy: GatewayLink;
  readonly requestId: number;
  readonly timer: NodeJS.Timeout;
}

/** Dependencies. */
export interface SessionKeeperOptions {
  readonly guard: Guard;
  readonly logger: Logger;
  /** The links of all gateways. */
  readonly links: () => Iterable<GatewayLink>;
  /** Ignores further events of a client from the gateway where it was. */
  readonly onTaken: (context: ClientContext) => void;
  /** Ends a session that no gateway has. */
  readonly onEnded: (context: ClientContext, closed: Closed) => void;
  /** Called when the changes of a session can be sent to the gateway again. */
  readonly onSettled: (context: ClientContext) => void;
}

/**
 * Moves the sessions of this worker's clients between gateways: when a client resumes at another gateway, and when a
 * gateway stops or dies.
 */
export class SessionKeeper {
  readonly #options: SessionKeeperOptions;
  /** The clients that can resume, by their id. */
  readonly #contexts = new Map<string, ClientContext>();
  readonly #held = new Map<ClientContext, HeldSession>();
  readonly #releases = new Map<number, PendingRelease>();
  /** Claims of sessions that are moving, which are answered afterwards. */
  readonly #claims = new Map<ClientContext, (() => void)[]>();
  readonly #check: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastId = 0;
  #nextLink = 0;

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
    const check = (): void => this.#parkHeld();
    this.#check = options.guard.wrap('held sessions', check, () => undefined);
  }

  /** Number of sessions without a gateway. */
  get held(): number {
    return this.#held.size;
  }

  /** The client with this id, if it can resume. */
  find(clientId: string): ClientContext | undefined {
    return this.#contexts.get(clientId);
  }

  /**
   * Handles the ClientAttached of a client that can resume.
   *
   * @returns its context if it moves, `undefined` if it is new, or 'outdated' if a later move has replaced it
   */
  attach(
    link: GatewayLink,
    message: Message<'clientAttached'>,
  ): ClientContext | 'outdated' | undefined {
    const { resumable, connection, nonceHigh, nonceLow } = message;
    const context = resumable && this.#contexts.get(resumable.clientId);
    if (context?.moveable === undefined || resumable === undefined) return undefined;
    if (resumable.generation < context.moveable.generation) {
      const address = { connection, nonceHigh, nonceLow };
      const secret = new Uint8Array();
      link.connection.send({ type: 'sessionRelease', requestId: 0, ...address, secret });
      return 'outdated';
    }
    this.#held.delete(context);
    context.move(link, message);
    this.#settle(context);
    return context;
  }

  /** Adds a new client that can resume. */
  add(context: ClientContext): void {
    if (context.moveable !== undefined) this.#contexts.set(context.clientId, context);
  }

  /** Removes a client that has ended, or that another worker has. */
  remove(context: ClientContext): void {
    if (this.#held.has(context) || context.isMoving) return;
    if (this.#contexts.get(context.clientId) === context) this.#contexts.delete(context.clientId);
  }

  /** Handles SessionClaim: a client resumes at this gateway. */
  handleClaim(link: GatewayLink, message: Message<'sessionClaim'>): void {
    if (!link.connection.isOpen) return;
    const { requestId, clientId, secret } = message;
    const context = this.#contexts.get(clientId);
    if (context?.moveable?.allows(secret) !== true) {
      const isKnown = context !== undefined;
      link.connection.send({ type: 'sessionFound', requestId, isKnown, state: undefined });
      return;
    }
    const held = this.#held.get(context);
    if (held?.isGiven === false) {
      this.#give(held, (state) => {
        link.connection.send({ type: 'sessionFound', requestId, isKnown: true, state });
      });
      return;
    }
    if (context.isMoving) {
      const claims = this.#claims.get(context) ?? [];
      this.#claims.set(context, claims);
      claims.push(() => this.handleClaim(link, message));
      return;
    }
    this.#lastId = (this.#lastId % 0xffff_ffff) + 1;
    const releaseId = this.#lastId;
    const expire = (): void => this.#takeFromSilent(releaseId);
    const end = (): void => {
      this.#releases.delete(releaseId);
      this.#end(context, { by: ClosedBy.Server });
    };
    const timer = setTimeout(
      this.#options.guard.wrap('session release', expire, end),
      RELEASE_TIMEOUT_MS,
    );
    this.#releases.set(releaseId, { context, claimedBy: link, requestId, timer });
    context.isMoving = true;
    const { connection, nonceHigh, nonceLow } = context;
    const address = { connection, nonceHigh, nonceLow };
    context.link.connection.send({
      type: 'sessionRelease',
      requestId: releaseId,
      ...address,
      secret,
    });
  }

  /** Handles SessionReleased: gives the session to the gateway that claims it, or to any other one. */
  handleReleased(
    { requestId, state }: Message<'sessionReleased'>,
    context: ClientContext | undefined,
  ): void {
    const release = this.#releases.get(requestId);
    this.#releases.delete(requestId);
    clearTimeout(release?.timer);
    // The answer of a gateway that was too slow: the session is elsewhere.
    if (requestId !== 0 && release === undefined) return;
    const released = release?.context ?? context;
    if (released?.moveable === undefined) return;
    if (state === undefined) {
      // The client has just ended.
      released.isMoving = false;
      if (released.closed !== undefined) this.remove(released);
      this.#settle(released);
      const { claimedBy, requestId: claim } = release ?? {};
      if (claimedBy?.connection.isOpen === true && claim !== undefined) {
        const refusal = { requestId: claim, isKnown: true, state: undefined };
        claimedBy.connection.send({ type: 'sessionFound', ...refusal });
      }
      return;
    }
    released.moveable.update({ ...state.info, received: released.moveable.received });
    const { isParked, awayMs } = state;
    const held = this.#hold(released, { isParked, awayMs });
    // Otherwise the next check sends it to a gateway.
    if (release?.claimedBy.connection.isOpen === true) this.#giveTo(release, held);
  }

  /** Takes a session from a gateway that does not answer: its copy here is used. */
  #takeFromSilent(releaseId: number): void {
    const release = this.#releases.get(releaseId);
    if (release === undefined) return;
    this.#releases.delete(releaseId);
    const { context, claimedBy } = release;
    this.#options.onTaken(context);
    const held = this.#holdCopy(context);
    if (claimedBy.connection.isOpen) this.#giveTo(release, held);
  }

  #giveTo({ claimedBy, requestId }: PendingRelease, held: HeldSession): void {
    this.#give(held, (state) => {
      claimedBy.connection.send({ type: 'sessionFound', requestId, isKnown: true, state });
    });
  }

  /** Forgets the clients of a gateway that has bound them to other workers. */
  forget(contexts: Iterable<ClientContext>): void {
    for (const context of contexts) this.remove(context);
  }

  /** Keeps the sessions of a gateway that is lost. Returns the clients that cannot resume. */
  handleLost(contexts: readonly ClientContext[]): ClientContext[] {
    const others: ClientContext[] = [];
    for (const context of contexts) {
      if (context.moveable === undefined || context.isEnding) others.push(context);
      else this.#holdCopy(context);
    }
    return others;
  }

  /** Ends the sessions that no gateway has, because this worker stops. */
  close(): void {
    clearInterval(this.#timer);
    for (const { context } of this.#held.values()) this.#end(context, { by: ClosedBy.Server });
  }

  /** Holds a session whose gateway cannot say since when the client has no connection. */
  #holdCopy(context: ClientContext): HeldSession {
    const awayMs = context.moveable?.awayMs;
    return this.#hold(context, { isParked: awayMs !== undefined, awayMs: awayMs ?? 0 });
  }

  #hold(
    context: ClientContext,
    { isParked, awayMs }: { isParked: boolean; awayMs: number },
  ): HeldSession {
    const now = performance.now();
    context.isMoving = true;
    const held = { context, droppedAt: now - awayMs, isParked, parkAt: now, isGiven: false };
    this.#held.set(context, held);
    this.#timer ??= setInterval(this.#check, CHECK_MS).unref();
    return held;
  }

  /** Gives a session to a gateway. Another one gets it if this one does not attach it in time. */
  #give(held: HeldSession, send: (state: ReturnType<ClientContext['describe']>) => void): void {
    const { context, droppedAt, isParked } = held;
    held.parkAt = performance.now() + ATTACH_TIMEOUT_MS;
    held.isGiven = true;
    context.moveable?.raiseGeneration();
    send(context.describe(isParked, Math.round(performance.now() - droppedAt)));
  }

  /**
   * Sends held sessions to gateways, each to the next one, and ends those whose window is over. A few at a time, so that
   * a gateway serves its own clients meanwhile.
   */
  #parkHeld(): void {
    const links = [...this.#options.links()].filter(({ connection }) => connection.isOpen);
    const now = performance.now();
    let left = PARKED_PER_CHECK;
    for (const held of this.#held.values()) {
      if (left === 0) break;
      const { context, droppedAt, parkAt } = held;
      if (now - droppedAt > (context.moveable?.windowMs ?? 0)) {
        left -= 1;
        this.#end(context, { by: ClosedBy.Expired });
      } else if (parkAt <= now && links.length > 0) {
        left -= 1;
        this.#nextLink = (this.#nextLink + 1) % links.length;
        const link = links[this.#nextLink];
        this.#give(held, (state) => {
          if (state !== undefined) link?.connection.send({ type: 'sessionPark', state });
        });
      }
    }
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #end(context: ClientContext, closed: Closed): void {
    this.#held.delete(context);
    context.isMoving = false;
    this.remove(context);
    this.#options.onEnded(context, closed);
    this.#answerClaims(context);
  }

  #settle(context: ClientContext): void {
    context.isMoving = false;
    this.#options.onSettled(context);
    this.#answerClaims(context);
  }

  #answerClaims(context: ClientContext): void {
    const claims = this.#claims.get(context) ?? [];
    this.#claims.delete(context);
    for (const answer of claims) answer();
  }
}
