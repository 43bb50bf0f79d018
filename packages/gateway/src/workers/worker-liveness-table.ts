/** Dead workers that are remembered. Their links break soon after, so that few are needed. */
const MAX_DEAD_WORKERS = 1024;

/**
 * Which workers have died, according to the registers.
 *
 * A broken link does not show whether its worker is dead. A register removes a killed process from its list at once. A
 * worker is dead when a register has listed it before and no register lists it now: a register that has just started
 * has an empty list.
 */
export class WorkerLivenessTable {
  readonly #alive = new Map<string, ReadonlySet<string>>();
  /** Workers that a register has removed, in that order. */
  readonly #removed = new Set<string>();

  /** True when a register lists a worker. */
  get hasWorkers(): boolean {
    for (const alive of this.#alive.values()) if (alive.size > 0) return true;
    return false;
  }

  /** Sets the list of a register, by its address. */
  update(register: string, instanceIds: readonly string[]): void {
    const alive = new Set(instanceIds);
    for (const id of this.#alive.get(register) ?? []) if (!alive.has(id)) this.#remember(id);
    this.#alive.set(register, alive);
  }

  /** Removes the list of a register whose link is down. */
  forget(register: string): void {
    this.#alive.delete(register);
  }

  /** True when a worker is known to be dead. */
  isDead(instanceId: string): boolean {
    if (!this.#removed.has(instanceId)) return false;
    for (const alive of this.#alive.values()) if (alive.has(instanceId)) return false;
    return true;
  }

  #remember(instanceId: string): void {
    this.#removed.add(instanceId);
    if (this.#removed.size <= MAX_DEAD_WORKERS) return;
    const [oldest = ''] = this.#removed;
    this.#removed.delete(oldest);
  }
}
