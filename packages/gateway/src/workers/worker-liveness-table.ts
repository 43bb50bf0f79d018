/** Workers whose end is remembered; a link of theirs breaks within moments of it. */
const MAX_REMEMBERED = 1024;

/**
 * Which workers have died, as the registers tell.
 *
 * A link that breaks does not tell whether its worker is gone. A register does: a process that was
 * killed leaves its list at once. Only a worker that a register has named before, and that no register
 * names now, counts as gone: a register that has just started knows of nobody yet.
 */
export class WorkerLivenessTable {
  readonly #alive = new Map<string, ReadonlySet<string>>();
  /** In the order in which they left. */
  readonly #gone = new Set<string>();

  /** True when a register names a worker. */
  get hasWorkers(): boolean {
    for (const alive of this.#alive.values()) if (alive.size > 0) return true;
    return false;
  }

  /** Takes the list of a register, by its address. */
  update(register: string, instanceIds: readonly string[]): void {
    const alive = new Set(instanceIds);
    for (const id of this.#alive.get(register) ?? []) if (!alive.has(id)) this.#remember(id);
    this.#alive.set(register, alive);
  }

  /** The link to a register is down: what it told counts no more. */
  forget(register: string): void {
    this.#alive.delete(register);
  }

  /** True when a worker is known to be gone. */
  isGone(instanceId: string): boolean {
    if (!this.#gone.has(instanceId)) return false;
    for (const alive of this.#alive.values()) if (alive.has(instanceId)) return false;
    return true;
  }

  #remember(instanceId: string): void {
    this.#gone.add(instanceId);
    if (this.#gone.size <= MAX_REMEMBERED) return;
    const [oldest = ''] = this.#gone;
    this.#gone.delete(oldest);
  }
}
