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
 * Memory that the names of one kind may cost a subscriber, in bytes: 64 plus its length for each name, so about 200,000
 * names of 20 characters. A gateway with more names publishes none of this kind, and gets every send.
 */
const MAX_NAMES_BYTES = 16 * 1024 * 1024;

/** Memory that a name costs a subscriber in addition to its characters, in bytes. */
const NAME_OVERHEAD_BYTES = 64;

/** Names sent in one turn of the event loop during a sync. */
const NAMES_PER_TURN = 1000;

/** Sync state of the names of one kind on one link. */
interface SyncState {
  /** The names that are not sent yet; set during a sync. */
  unsent: Iterator<string> | undefined;
  /** True once all names are sent. */
  isSynced: boolean;
}

/** The interest state of one link. */
export class InterestLink {
  readonly connection: FrameConnection;
  /** JoinGroup and BindUid commands of this link that were executed. */
  joins = 0;
  /** Number of them that the peer knows to be executed. */
  confirmedJoins = 0;
  /** Set once the peer has subscribed. */
  subscription: readonly [uids: SyncState, groups: SyncState] | undefined;

  constructor(connection: FrameConnection) {
    this.connection = connection;
  }
}

/** The names of one kind, and their unpublished changes. */
interface NameTable {
  readonly kind: InterestKind;
  readonly index: NameIndex;
  /** Memory that all names cost a subscriber. */
  bytes: number;
  /** True while they are too many to be published. */
  isTooLarge: boolean;
  /** Names that have lost their last member since the last flush. */
  readonly removed: Set<string>;
}

/** A membership index of any kind of member. */
type NameIndex = Pick<MembershipIndex<unknown>, 'onNameAdded' | 'onNameRemoved' | 'names' | 'get'>;

/** Dependencies and limits of the publisher. */
export interface InterestPublisherOptions {
  readonly uids: NameIndex;
  readonly groups: NameIndex;
  readonly scheduler: FlushScheduler;
  /** Unsent bytes of a link past which it gets no names until it has drained. */
  readonly maxPendingBytes: number;
  /** @default 16 MiB */
  readonly maxNamesBytes?: number;
}

/**
 * Publishes to workers and clients of the Gateway API which uids and groups have members here, so that a send goes
 * only to gateways with receivers.
 *
 * A new name is published at once: a frame that the gateway sends after a join reaches the peer after the name. Removed
 * names are published at the end of the turn. A synced subscriber therefore never misses a name that has members.
 */
export class InterestPublisher implements Flushable {
  readonly #options: InterestPublisherOptions;
  readonly #maxNamesBytes: number;
  readonly #tables: readonly [uids: NameTable, groups: NameTable];
  readonly #subscribers = new Set<InterestLink>();
  /** Runs work for one subscriber. An exception ends only the link of that subscriber. */
  readonly #each: (link: InterestLink, work: (link: InterestLink) => void) => void;
  #isScheduled = false;
  #isSyncScheduled = false;

  constructor(options: InterestPublisherOptions) {
    this.#options = options;
    this.#each = options.scheduler.guard.wrap(
      'interest subscriber',
      (link: InterestLink, work: (link: InterestLink) => void) => work(link),
      (error, link) => link.connection.fail(error),
    );
    this.#maxNamesBytes = options.maxNamesBytes ?? MAX_NAMES_BYTES;
    this.#tables = [
      this.#watch(InterestKind.Uid, options.uids),
      this.#watch(InterestKind.Group, options.groups),
    ];
  }

  /** Subscribes the peer of a link, and starts the initial sync. */
  subscribe(link: InterestLink): void {
    if (link.subscription !== undefined) return;
    link.subscription = [
      { unsent: undefined, isSynced: false },
      { unsent: undefined, isSynced: false },
    ];
    this.#subscribers.add(link);
    this.#schedule();
    for (const table of this.#tables) this.#startSync(link, table);
  }

  /**
   * Restores a subscription of the predecessor. All clients must be imported before.
   *
   * @param areSynced - whether all uids, and all groups, were sent
   */
  restore(link: InterestLink, areSynced: readonly [uids: boolean, groups: boolean]): void {
    const [uids, groups] = areSynced;
    link.subscription = [
      { unsent: undefined, isSynced: uids },
      { unsent: undefined, isSynced: groups },
    ];
    this.#subscribers.add(link);
    for (const table of this.#tables) if (!areSynced[table.kind]) this.#startSync(link, table);
  }

  /** Removes a link that has ended. */
  unsubscribe(link: InterestLink): void {
    this.#subscribers.delete(link);
  }

  /** Counts a JoinGroup or BindUid of this link that was executed. */
  countJoin(link: InterestLink): void {
    link.joins += 1;
    if (link.subscription !== undefined) this.#schedule();
  }

  /** Continues or restarts the syncs of a link that may have room again. */
  resume(link: InterestLink): void {
    if (link.subscription === undefined || !this.#hasRoom(link)) return;
    for (const table of this.#tables) {
      const { isSynced, unsent } = link.subscription[table.kind];
      if (isSynced) continue;
      if (unsent === undefined) this.#startSync(link, table);
      else this.#scheduleSync();
    }
  }

  /** Publishes removed names and executed joins. */
  flush(): void {
    this.#isScheduled = false;
    for (const table of this.#tables) this.#publishRemoved(table);
    for (const link of this.#subscribers) this.#each(link, this.#confirmJoins);
  }

  /** Does nothing: a flush that throws loses only the updates of one turn. */
  fail(): void {}

  readonly #confirmJoins = (link: InterestLink): void => {
    this.resume(link);
    if (link.confirmedJoins === link.joins || !link.connection.isOpen) return;
    link.confirmedJoins = link.joins;
    // The names that these joins have added are in the output already.
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
    if (this.#subscribers.size === 0) return;
    if (!table.isTooLarge && table.bytes > this.#maxNamesBytes) this.#stopPublishing(table);
    // Its removal was not published, so subscribers still have the name.
    if (isBack) return;
    this.#publish(table, (link) =>
      writeInterestAdded(link.connection.writer(), table.kind, [name]),
    );
  }

  #handleRemoved(table: NameTable, name: string): void {
    table.bytes -= name.length + NAME_OVERHEAD_BYTES;
    if (table.isTooLarge) {
      if (table.bytes <= this.#maxNamesBytes / 2) this.#resumePublishing(table);
    } else if (this.#subscribers.size > 0) {
      table.removed.add(name);
      this.#schedule();
    }
  }

  #publishRemoved(table: NameTable): void {
    const { kind, removed } = table;
    if (removed.size === 0) return;
    this.#publish(table, (link) => writeInterestRemoved(link.connection.writer(), kind, removed));
    removed.clear();
  }

  /** Writes a change to every subscriber that is synced or syncing. One whose link is full must sync again. */
  #publish(table: NameTable, write: (link: InterestLink) => void): void {
    if (table.isTooLarge) return;
    for (const link of this.#subscribers) {
      const state = link.subscription?.[table.kind];
      if (state === undefined || (!state.isSynced && state.unsent === undefined)) continue;
      if (this.#hasRoom(link)) this.#each(link, write);
      else this.#invalidate(link, table.kind, state);
    }
  }

  /** Tells a subscriber that its names are incomplete, so that it sends everything to this gateway. */
  #invalidate(link: InterestLink, kind: InterestKind, state: SyncState): void {
    state.unsent = undefined;
    state.isSynced = false;
    if (link.connection.isOpen) writeInterestKnown(link.connection.writer(), kind, false);
  }

  /** Invalidates all subscribers, because the names have become too many. */
  #stopPublishing(table: NameTable): void {
    table.isTooLarge = true;
    table.removed.clear();
    for (const link of this.#subscribers) {
      const state = link.subscription?.[table.kind];
      if (state !== undefined) this.#invalidate(link, table.kind, state);
    }
  }

  #resumePublishing(table: NameTable): void {
    table.isTooLarge = false;
    for (const link of this.#subscribers) this.#startSync(link, table);
  }

  /** Starts to send every name. The iterator also returns names that are added during the sync. */
  #startSync(link: InterestLink, table: NameTable): void {
    const state = link.subscription?.[table.kind];
    if (state === undefined) return;
    // The size is not checked while there is no subscriber.
    if (!table.isTooLarge && table.bytes > this.#maxNamesBytes) this.#stopPublishing(table);
    if (table.isTooLarge) return;
    state.unsent = table.index.names();
    state.isSynced = false;
    this.#scheduleSync();
  }

  #scheduleSync(): void {
    if (this.#isSyncScheduled) return;
    this.#isSyncScheduled = true;
    setImmediate(() => {
      this.#isSyncScheduled = false;
      for (const link of this.#subscribers) this.#each(link, this.#sync);
    });
  }

  readonly #sync = (link: InterestLink): void => {
    for (const table of this.#tables) {
      const state = link.subscription?.[table.kind];
      if (state?.unsent === undefined || !this.#hasRoom(link)) continue;
      // If a removed name was added again, a later frame with the removal would delete the name at the peer.
      this.#publishRemoved(table);
      this.#sendNames(link, table.kind, state, state.unsent);
    }
  };

  #sendNames(
    link: InterestLink,
    kind: InterestKind,
    state: SyncState,
    unsent: Iterator<string>,
  ): void {
    const names: string[] = [];
    while (names.length < NAMES_PER_TURN) {
      const next = unsent.next();
      if (next.done === true) {
        state.unsent = undefined;
        state.isSynced = true;
        break;
      }
      names.push(next.value);
    }
    const writer = link.connection.writer();
    writeInterestAdded(writer, kind, names);
    if (state.isSynced) writeInterestKnown(writer, kind, true);
    else this.#scheduleSync();
  }

  #hasRoom({ connection }: InterestLink): boolean {
    return connection.isOpen && connection.output.pendingBytes < this.#options.maxPendingBytes;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#subscribers.size === 0) return;
    this.#isScheduled = true;
    this.#options.scheduler.schedule(this);
  }
}
