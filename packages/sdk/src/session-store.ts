import type { Positions } from '@gatewayworker/client-protocol';
import type { Page } from './page.ts';

const page: Page = globalThis as Page;

/** How long a page waits for the lock of its session, which the previous page of the tab may still hold. */
const LOCK_WAIT_MS = 500;

/** A session, and what a client knows of it. */
export interface Session {
  readonly clientId: string;
  readonly secret: Uint8Array;
  readonly positions: Positions;
  /** Number of the last frame that was sent. */
  readonly lastNumber: number;
}

/** Keeps a session in sessionStorage, for the next page of the same tab. */
export class SessionStore {
  readonly #key: string;
  #lockedId = '';
  #releaseLock: () => void = () => {};
  #isSaving = false;

  constructor(key: string) {
    this.#key = `gatewayworker ${key}`;
  }

  /**
   * The session of the previous page. Undefined if there is none, or if another tab uses it: a duplicated tab has a copy
   * of the storage.
   */
  async load(): Promise<Session | undefined> {
    const session = this.#read();
    return session !== undefined && (await this.#lock(session.clientId)) ? session : undefined;
  }

  /** Writes the session at the end of this turn of the event loop. */
  save(session: () => Session | undefined): void {
    if (this.#isSaving) return;
    this.#isSaving = true;
    queueMicrotask(() => {
      this.#isSaving = false;
      this.#write(session());
    });
  }

  clear(): void {
    this.#lockedId = '';
    this.#releaseLock();
    this.#write(undefined);
  }

  #read(): Session | undefined {
    try {
      const text = page.sessionStorage?.getItem(this.#key);
      if (typeof text !== 'string') return undefined;
      return parseSession(JSON.parse(text));
    } catch {
      // The storage is forbidden, or another program has written an item that is not JSON.
      return undefined;
    }
  }

  #write(session: Session | undefined): void {
    try {
      if (session === undefined) {
        page.sessionStorage?.removeItem(this.#key);
        return;
      }
      const { clientId, secret, positions, lastNumber } = session;
      if (clientId !== this.#lockedId) void this.#lock(clientId);
      const stored = { clientId, secret: [...secret], positions: [...positions], lastNumber };
      page.sessionStorage?.setItem(this.#key, JSON.stringify(stored));
    } catch {
      // The storage is forbidden or full: the session is kept in memory.
    }
  }

  /** Holds the lock of a session until the page ends. Tells whether it is free; without locks it always is. */
  #lock(clientId: string): Promise<boolean> {
    this.#lockedId = clientId;
    this.#releaseLock();
    const locks = page.navigator?.locks;
    if (locks === undefined) return Promise.resolve(true);
    return new Promise((resolve) => {
      const held = new Promise<void>((release) => {
        this.#releaseLock = release;
      });
      const give = (): Promise<void> => {
        resolve(true);
        return held;
      };
      locks
        .request(`gatewayworker ${clientId}`, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, give)
        .catch(() => resolve(false));
    });
  }
}

function isNatural(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max;
}

/** Checks a stored session, which other programs of the page may have changed. */
function parseSession(value: unknown): Session | undefined {
  const { clientId, secret, positions, lastNumber } = Object(value) as Record<string, unknown>;
  if (typeof clientId !== 'string' || !Array.isArray(secret) || !Array.isArray(positions)) {
    return undefined;
  }
  const isValid =
    secret.every((byte) => isNatural(byte, 255)) &&
    positions.every(
      (entry) =>
        Array.isArray(entry) &&
        isNatural(entry[0], 2 ** 32 - 1) &&
        isNatural(entry[1], Number.MAX_SAFE_INTEGER),
    ) &&
    isNatural(lastNumber, Number.MAX_SAFE_INTEGER);
  if (!isValid) return undefined;
  return {
    clientId,
    secret: Uint8Array.from(secret),
    positions: new Map(positions),
    lastNumber,
  };
}
