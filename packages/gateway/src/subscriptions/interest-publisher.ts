import type { Flushable, FlushScheduler, FrameConnection } from '@gatewayworker/core';
import {
  InterestKind,
  writeInterestAdded,
  writeInterestKnown,
  writeInterestRemoved,
  writeJoinsApplied,
} from '@gatewayworker/protocol';
import type { MembershipIndex } from './membership-index.ts';

/**
 * What followers may have to remember of one kind of names, in bytes: 64 and the name for each. That
 * is about 200,000 names of 20 characters. A gateway that has more gets every send again.
 */
const MAX_NAMES_BYTES = 16 * 1024 * 1024;

/** What a name costs a follower beside its characters. */
const NAME_OVERHEAD_BYTES = 64;

/** Names told of in one turn of the event loop while a follower learns all of them. */
const NAMES_PER_TURN = 1000;

/** How far a follower knows the names of one kind. */
interface Followed {
  /** The names that it has not been told yet; set while it learns them. */
  left: Iterator<string> | undefined;
  /** True when it has been told all of them. */
  isKnown: boolean;
}

/** A link over which somebody may follow which names have members here. */
export class InterestLink {
  readonly connection: FrameConnection;
  /** JoinGroup and BindUid that came by it and were carried out. */
  joins = 0;
  /** How many of them it was told of. */
  toldJoins = 0;
  /** Set once the peer has asked. */
  followed: readonly [uids: Followed, groups: Followed] | undefined;

  constructor(connection: FrameConnection) {
    this.connection = connection;
  }
}

/** The names of one kind, and what has changed of them. */
interface NameTable {
  readonly kind: InterestKind;
  readonly index: NameIndex;
  /** What all names cost a follower. */
  bytes: number;
  /** True while they are too many to be followed. */
  isTooLarge: boolean;
  /** Names whose loss has not been told yet. */
  readonly removed: Set<string>;
}

/** Where names are looked up, whoever stands under them. */
type NameIndex = Pick<MembershipIndex<unknown>, 'onNameAdded' | 'onNameRemoved' | 'names' | 'get'>;

/** What the publisher needs. */
export interface InterestPublisherOptions {
  readonly uids: NameIndex;
  readonly groups: NameIndex;
  readonly scheduler: FlushScheduler;
  /** Unsent bytes of a link past which it is told no more names, until they have left. */
  readonly maxPendingBytes: number;
  /** @default 16 MiB */
  readonly maxNamesBytes?: number;
}

/**
 * Tells workers and clients of the Gateway API which uids and groups have members here, so that a send
 * goes to the gateways that it concerns and to no other.
 *
 * A new name is told at once: what comes to a peer after the join that made it, over the same link,
 * comes after the news. Lost names are told at the end of the turn. What a follower has been told is
 * never less than what there is, unless it knows that it has not been told all.
 */
export class InterestPublisher implements Flushable {
  readonly #options: InterestPublisherOptions;
  readonly #maxNamesBytes: number;
  readonly #tables: readonly [uids: NameTable, groups: NameTable];
  readonly #followers = new Set<InterestLink>();
  /** Handles one of many followers; an exception ends the link of that follower only. */
  readonly #each: (link: InterestLink, work: (link: InterestLink) => void) => void;
  #isScheduled = false;
  #isTeaching = false;

  constructor(options: InterestPublisherOptions) {
    this.#options = options;
    this.#each = options.scheduler.guard.wrap(
      'interest follower',
      (link: InterestLink, work: (link: InterestLink) => void) => work(link),
      (error, link) => link.connection.fail(error),
    );
    this.#maxNamesBytes = options.maxNamesBytes ?? MAX_NAMES_BYTES;
    this.#tables = [
      this.#watch(InterestKind.Uid, options.uids),
      this.#watch(InterestKind.Group, options.groups),
    ];
  }

  /** The peer of this link follows from now on. */
  follow(link: InterestLink): void {
    if (link.followed !== undefined) return;
    link.followed = [
      { left: undefined, isKnown: false },
      { left: undefined, isKnown: false },
    ];
    this.#followers.add(link);
    this.#schedule();
    for (const table of this.#tables) this.#teach(link, table);
  }

  /**
   * Goes on for a follower of another process, whose clients are all here by now.
   *
   * @param areKnown - whether it has been told all uids, and all groups
   */
  restore(link: InterestLink, areKnown: readonly [uids: boolean, groups: boolean]): void {
    const [uids, groups] = areKnown;
    link.followed = [
      { left: undefined, isKnown: uids },
      { left: undefined, isKnown: groups },
    ];
    this.#followers.add(link);
    for (const table of this.#tables) if (!areKnown[table.kind]) this.#teach(link, table);
  }

  /** The link has ended. */
  unfollow(link: InterestLink): void {
    this.#followers.delete(link);
  }

  /** A JoinGroup or BindUid of this link was carried out. */
  countJoin(link: InterestLink): void {
    link.joins += 1;
    if (link.followed !== undefined) this.#schedule();
  }

  /** The link may have room again: one that had none learns all names anew. */
  resume(link: InterestLink): void {
    if (link.followed === undefined || !this.#hasRoom(link)) return;
    for (const table of this.#tables) {
      const { isKnown, left } = link.followed[table.kind];
      if (isKnown) continue;
      if (left === undefined) this.#teach(link, table);
      else this.#teachLater();
    }
  }

  /** Tells which names were lost, and which joins were carried out. */
  flush(): void {
    this.#isScheduled = false;
    for (const table of this.#tables) this.#tellRemoved(table);
    for (const link of this.#followers) this.#each(link, this.#tellJoins);
  }

  /** Does nothing: of a flush that throws, only the news of one turn is lost. */
  fail(): void {}

  readonly #tellJoins = (link: InterestLink): void => {
    this.resume(link);
    if (link.toldJoins === link.joins || !link.connection.isOpen) return;
    link.toldJoins = link.joins;
    // After the names that these joins have made.
    writeJoinsApplied(link.connection.writer(), link.joins);
  };

  #watch(kind: InterestKind, index: NameIndex): NameTable {
    const table = { kind, index, bytes: 0, isTooLarge: false, removed: new Set<string>() };
    index.onNameAdded = (name) => this.#handleAdded(table, name);
    index.onNameRemoved = (name) => this.#handleRemoved(table, name);
    return table;
  }

  #handleAdded(table: NameTable, name: string): void {
    table.bytes += name.length + NAME_OVERHEAD_BYTES;
    const isBack = table.removed.delete(name);
    if (this.#followers.size === 0) return;
    if (!table.isTooLarge && table.bytes > this.#maxNamesBytes) this.#giveUp(table);
    // Its loss was not told: for the followers it has been there all the while.
    if (isBack) return;
    this.#tell(table, (link) => writeInterestAdded(link.connection.writer(), table.kind, [name]));
  }

  #handleRemoved(table: NameTable, name: string): void {
    table.bytes -= name.length + NAME_OVERHEAD_BYTES;
    if (table.isTooLarge) {
      if (table.bytes <= this.#maxNamesBytes / 2) this.#teachAll(table);
    } else if (this.#followers.size > 0) {
      table.removed.add(name);
      this.#schedule();
    }
  }

  #tellRemoved(table: NameTable): void {
    const { kind, removed } = table;
    if (removed.size === 0) return;
    this.#tell(table, (link) => writeInterestRemoved(link.connection.writer(), kind, removed));
    removed.clear();
  }

  /** Writes to every follower that has been told of names of this kind. */
  #tell(table: NameTable, write: (link: InterestLink) => void): void {
    if (table.isTooLarge) return;
    for (const link of this.#followers) {
      const followed = link.followed?.[table.kind];
      if (followed === undefined || (!followed.isKnown && followed.left === undefined)) continue;
      if (this.#hasRoom(link)) this.#each(link, write);
      else this.#lose(link, table.kind, followed);
    }
  }

  /** Has a follower send everything here, because it was not told all: it takes no more. */
  #lose(link: InterestLink, kind: InterestKind, followed: Followed): void {
    followed.left = undefined;
    followed.isKnown = false;
    if (link.connection.isOpen) writeInterestKnown(link.connection.writer(), kind, false);
  }

  /** The names have become too many for anybody to follow. */
  #giveUp(table: NameTable): void {
    table.isTooLarge = true;
    table.removed.clear();
    for (const link of this.#followers) {
      const followed = link.followed?.[table.kind];
      if (followed !== undefined) this.#lose(link, table.kind, followed);
    }
  }

  #teachAll(table: NameTable): void {
    table.isTooLarge = false;
    for (const link of this.#followers) this.#teach(link, table);
  }

  /** Begins to tell a follower every name. A map may change while it is walked: what is new comes last. */
  #teach(link: InterestLink, table: NameTable): void {
    const followed = link.followed?.[table.kind];
    if (followed === undefined) return;
    // Names that came while nobody followed were not looked at.
    if (!table.isTooLarge && table.bytes > this.#maxNamesBytes) this.#giveUp(table);
    if (table.isTooLarge) return;
    followed.left = table.index.names();
    followed.isKnown = false;
    this.#teachLater();
  }

  #teachLater(): void {
    if (this.#isTeaching) return;
    this.#isTeaching = true;
    setImmediate(() => {
      this.#isTeaching = false;
      this.#teachNext();
    });
  }

  #teachNext(): void {
    for (const link of this.#followers) this.#each(link, this.#teachOne);
  }

  readonly #teachOne = (link: InterestLink): void => {
    for (const table of this.#tables) {
      const followed = link.followed?.[table.kind];
      if (followed?.left === undefined || !this.#hasRoom(link)) continue;
      // Sent now: sent later, the loss of a name that has come back would look as if the name were gone.
      this.#tellRemoved(table);
      this.#teachSome(link, table.kind, followed, followed.left);
    }
  };

  #teachSome(
    link: InterestLink,
    kind: InterestKind,
    followed: Followed,
    left: Iterator<string>,
  ): void {
    const names: string[] = [];
    while (names.length < NAMES_PER_TURN) {
      const next = left.next();
      if (next.done === true) {
        followed.left = undefined;
        followed.isKnown = true;
        break;
      }
      names.push(next.value);
    }
    const writer = link.connection.writer();
    writeInterestAdded(writer, kind, names);
    if (followed.isKnown) writeInterestKnown(writer, kind, true);
    else this.#teachLater();
  }

  #hasRoom({ connection }: InterestLink): boolean {
    return connection.isOpen && connection.output.pendingBytes < this.#options.maxPendingBytes;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#followers.size === 0) return;
    this.#isScheduled = true;
    this.#options.scheduler.schedule(this);
  }
}
