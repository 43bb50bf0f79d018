import type { Conversation, Device, Id, Me, Relations, Time, User } from '../../shared/model.ts';
import type { History } from './history.ts';
import type { Outgoing } from './outgoing.ts';

/** State of the connection to the server. */
export type Connection =
  | { readonly status: 'connecting' }
  /** `since` is the time of `ready`, by the clock of the page. */
  | { readonly status: 'open'; readonly since: Time }
  /** The next attempt starts at `retryAt`. */
  | { readonly status: 'waiting'; readonly retryAt: Time };

/** A conversation with its loaded history. */
export interface Chat {
  readonly conversation: Conversation;
  readonly history: History;
  /** State of the request for older messages. */
  readonly older: 'idle' | 'loading' | 'failed';
}

/** State of the page of a logged-in user. */
export interface State {
  readonly me: Me;
  readonly deviceId: Id;
  readonly connection: Connection;
  /** True after the conversations were loaded once. */
  readonly isLoaded: boolean;
  readonly chats: ReadonlyMap<Id, Chat>;
  readonly users: ReadonlyMap<Id, User>;
  /** Null until they are loaded. */
  readonly relations: Relations | null;
  readonly devices: readonly Device[] | null;
  /** Own messages that are not in a history yet, in the order in which they were written. */
  readonly outbox: readonly Outgoing[];
  /** Expiry of the typing notices, by conversation and user. */
  readonly typing: ReadonlyMap<Id, ReadonlyMap<Id, Time>>;
  readonly selectedId: Id | null;
  /** `readSeq` of the selected conversation when it was opened; null if nothing was unread. */
  readonly newFrom: number | null;
  /** Texts that were typed and not sent, by conversation. */
  readonly drafts: ReadonlyMap<Id, string>;
}

/** Creates the initial state of a user. */
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
