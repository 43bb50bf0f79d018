/**
 * Which members stand under which name: clients under their uid, clients in their groups.
 *
 * A name without members is not kept, so that names which come and go leave nothing behind.
 */
export class MembershipIndex<Member> {
  /** Called when a name gets its first member. */
  onNameAdded: (name: string) => void = () => {};
  /** Called when a name has lost its last member. */
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

  /** Every name with its members. Do not change the index while walking it. */
  entries(): IterableIterator<[name: string, members: ReadonlySet<Member>]> {
    return this.#members.entries();
  }

  /** The members of a name; `undefined` when there are none. Add none while walking them. */
  get(name: string): ReadonlySet<Member> | undefined {
    return this.#members.get(name);
  }

  /** Adds a member to a name; adding it twice has no effect. */
  add(name: string, member: Member): void {
    const members = this.#members.get(name);
    if (members !== undefined) {
      members.add(member);
      return;
    }
    this.#members.set(name, new Set([member]));
    this.onNameAdded(name);
  }

  /** Removes a member from a name; removing what is not there has no effect. */
  remove(name: string, member: Member): void {
    const members = this.#members.get(name);
    if (members === undefined) return;
    members.delete(member);
    if (members.size === 0) this.#drop(name);
  }

  /** Removes a name and answers the members it had. */
  removeName(name: string): ReadonlySet<Member> {
    const members = this.#members.get(name) ?? new Set<Member>();
    this.#drop(name);
    return members;
  }

  #drop(name: string): void {
    if (this.#members.delete(name)) this.onNameRemoved(name);
  }
}
