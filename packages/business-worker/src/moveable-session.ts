import { timingSafeEqual } from 'node:crypto';
import type { ResumableInfo } from '@gatewayworker/protocol';
import type { ClientEvent } from './client-context.ts';

/** What a worker keeps of a client that can resume, so that the client can continue at another gateway. */
export class MoveableSession {
  #generation: number;
  #secret: Uint8Array;
  #previousSecret: Uint8Array | undefined;
  #windowMs: number;
  #createdAt = 0;
  #uidSince = 0;
  /** When the client lost its connection, by `performance.now()`; `undefined` while it has one. */
  #droppedAt: number | undefined;
  /** Highest number of a message that the client has sent. */
  received: number;
  /** When the client joined each group, by `performance.now()`. */
  readonly #groups = new Map<string, number>();

  constructor(info: ResumableInfo) {
    this.#generation = info.generation;
    this.#secret = info.secret;
    this.#previousSecret = info.previousSecret;
    this.#windowMs = info.windowMs;
    this.received = info.received;
    this.update(info);
  }

  /** Number of the last move. */
  get generation(): number {
    return this.#generation;
  }

  get windowMs(): number {
    return this.#windowMs;
  }

  /** Takes the values of the gateway at which the client is now. */
  update(info: ResumableInfo): void {
    const now = performance.now();
    this.#generation = info.generation;
    this.setSecret(info.secret, info.previousSecret);
    this.#windowMs = info.windowMs;
    this.received = Math.max(this.received, info.received);
    this.#createdAt = now - info.ageMs;
    this.#uidSince = now - info.uidAgeMs;
    this.#groups.clear();
    for (const { group, ageMs } of info.groups) this.#groups.set(group, now - ageMs);
  }

  /** Starts a move: gateways that have an earlier generation are outdated. */
  raiseGeneration(): void {
    this.#generation += 1;
  }

  /** Records an event that the gateway has sent to this worker. */
  record(event: ClientEvent): void {
    if (event.kind === 'message') this.received = event.number;
    else if (event.kind === 'request') this.received = event.request.number;
    else if (event.kind === 'dropped') this.#droppedAt ??= performance.now();
    else if (event.kind === 'resumed') this.#droppedAt = undefined;
  }

  /** Time since the client lost its connection, in milliseconds; `undefined` while it has one. */
  get awayMs(): number | undefined {
    return this.#droppedAt === undefined ? undefined : performance.now() - this.#droppedAt;
  }

  setSecret(secret: Uint8Array, previousSecret: Uint8Array | undefined): void {
    // Copies, because the frame is reused.
    this.#secret = Uint8Array.from(secret);
    this.#previousSecret = previousSecret && Uint8Array.from(previousSecret);
  }

  setUid(): void {
    this.#uidSince = performance.now();
  }

  join(group: string): void {
    this.#groups.set(group, performance.now());
  }

  leave(group: string): void {
    this.#groups.delete(group);
  }

  /** True when a secret allows to resume. */
  allows(secret: Uint8Array): boolean {
    return [this.#secret, this.#previousSecret].some(
      (own) => own?.length === secret.length && secret.length > 0 && timingSafeEqual(own, secret),
    );
  }

  describe(clientId: string): ResumableInfo {
    const now = performance.now();
    return {
      clientId,
      generation: this.#generation,
      secret: this.#secret,
      previousSecret: this.#previousSecret,
      received: this.received,
      windowMs: this.#windowMs,
      ageMs: toU32(now - this.#createdAt),
      uidAgeMs: toU32(now - this.#uidSince),
      groups: Array.from(this.#groups, ([group, since]) => ({ group, ageMs: toU32(now - since) })),
    };
  }
}

function toU32(ms: number): number {
  return Math.min(0xffff_ffff, Math.round(ms));
}
