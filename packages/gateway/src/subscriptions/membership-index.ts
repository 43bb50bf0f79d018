/**
 * Maps names to their members: uids to clients, and groups to clients.
 *
 * A name without members is removed, so that short-lived names do not use memory.
 */
export class MembershipIndex<Member> {
  /** Called when a name gets its first member. */
  onNameAdded: (name: string) => void = () => {};
  /** Called when a name loses its last member. */
  onNameRemoved: (name: string) => void = () => {};
  readonly #members = new Map<string, Set<Member>>();

  /** Number of names that have members. */
  get size(): number {
    return this.#members.size;
  }

  /** Every name that has members. */
  names(): IterableIterator<string> {
    return this.#members.keys();
  }

  /** Every name with its members. Do not change the index during the iteration. */
  entries(): IterableIterator<[name: string, members: ReadonlySet<Member>]> {
    return this.#members.entries();
  }

  /** The members of a name; `undefined` when there are none. Do not add members during an iteration. */
  get(name: string): ReadonlySet<Member> | undefined {
    return this.#members.get(name);
  }

  /** Adds a member to a name; no effect if it is a member already. */
  add(name: string, member: Member): void {
    const members = this.#members.get(name);
    if (members !== undefined) {
      members.add(member);
      return;
    }
    this.#members.set(name, new Set([member]));
    this.onNameAdded(name);
  }

  /** Removes a member from a name; no effect if it is not a member. */
  remove(name: string, member: Member): void {
    const members = this.#members.get(name);
    if (members === undefined) return;
    members.delete(member);
    if (members.size === 0) this.#drop(name);
  }

  /** Removes a name, and returns its members. */
  removeName(name: string): ReadonlySet<Member> {
    const members = this.#members.get(name) ?? new Set<Member>();
    this.#drop(name);
    return members;
  }

  #drop(name: string): void {
    if (this.#members.delete(name)) this.onNameRemoved(name);
  }
}
