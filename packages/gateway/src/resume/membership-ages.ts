import type { ResumableInfo } from '@gatewayworker/protocol';

/** The part of a `ResumableInfo` that this class describes. */
type Ages = Pick<ResumableInfo, 'ageMs' | 'uidAgeMs' | 'groups'>;

/**
 * Since when a client has its session, its uid and each group. A replay contains nothing that was sent before. Processes
 * exchange ages, because their clocks differ.
 */
export class MembershipAges {
  #createdAt = performance.now();
  #uidSince = this.#createdAt;
  #joins: Map<string, number> | undefined;

  /** Records a join. Returns false when the client was a member already. */
  join(group: string): boolean {
    this.#joins ??= new Map();
    if (this.#joins.has(group)) return false;
    this.#joins.set(group, performance.now());
    return true;
  }

  /** Records that the client has left. Returns false when it was no member. */
  leave(group: string): boolean {
    return this.#joins?.delete(group) === true;
  }

  /** Records a new uid. */
  bind(): void {
    this.#uidSince = performance.now();
  }

  describe(): Ages {
    const now = performance.now();
    return {
      ageMs: toU32(now - this.#createdAt),
      uidAgeMs: toU32(now - this.#uidSince),
      groups: Array.from(this.#joins ?? [], ([group, since]) => {
        return { group, ageMs: toU32(now - since) };
      }),
    };
  }

  /** Continues with the ages of another process. */
  restore({ ageMs, uidAgeMs, groups }: Ages): void {
    const now = performance.now();
    this.#createdAt = now - ageMs;
    this.#uidSince = now - uidAgeMs;
    this.#joins = new Map(groups.map(({ group, ageMs: age }) => [group, now - age]));
  }
}

/** Rounds a time to an unsigned integer of 32 bits. */
export function toU32(ms: number): number {
  return Math.min(0xffff_ffff, Math.round(ms));
}
