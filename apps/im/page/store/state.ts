import type { Conversation, Device, Id, Me, Relations, Time, User } from '../../shared/model.ts';
import type { History } from './history.ts';
import type { Outgoing } from './outgoing.ts';

/** Whether the server hears us right now. */
export type Connection =
  | { readonly status: 'connecting' }
  /** `since` is when it was opened, by the clock of the page. */
  | { readonly status: 'open'; readonly since: Time }
  /** The next attempt comes by itself. */
  | { readonly status: 'waiting'; readonly retryAt: Time };

/** A conversation with what the page has of its history. */
export interface Chat {
  readonly conversation: Conversation;
  readonly history: History;
  /** A page of older messages is on its way, or could not be fetched. */
  readonly older: 'idle' | 'loading' | 'failed';
}

/** Everything that the page shows of one person's messenger. */
export interface State {
  readonly me: Me;
  readonly deviceId: Id;
  readonly connection: Connection;
  /** Whether the conversations have come once. */
  readonly isLoaded: boolean;
  readonly chats: ReadonlyMap<Id, Chat>;
  readonly users: ReadonlyMap<Id, User>;
  /** Null until they have come. */
  readonly relations: Relations | null;
  readonly devices: readonly Device[] | null;
  /** Messages of mine that are not stored yet, in the order in which they were written. */
  readonly outbox: readonly Outgoing[];
  /** Who types where, and until when that is believed. */
  readonly typing: ReadonlyMap<Id, ReadonlyMap<Id, Time>>;
  readonly selectedId: Id | null;
  /** What was read of the selected conversation when it was opened, if anything was unread. */
  readonly newFrom: number | null;
  /** What was typed and not sent. */
  readonly drafts: ReadonlyMap<Id, string>;
}

/** Nothing is there yet but who it is for. */
export function createState(me: Me, deviceId: Id): State {
  return {
    me,
    deviceId,
    connection: { status: 'connecting' },
    isLoaded: false,
    chats: new Map(),
    users: new Map([[me.id, me]]),
    relations: null,
    devices: null,
    outbox: [],
    typing: new Map(),
    selectedId: null,
    newFrom: null,
    drafts: new Map(),
  };
}
