import type {
  Conversation,
  Device,
  Id,
  Me,
  Message,
  Relations,
  Time,
  User,
} from '../../shared/model.ts';
import type { ServerMessage } from '../../shared/socket-message.ts';
import type { Outgoing } from './outgoing.ts';
import type { Connection } from './state.ts';

/** All changes of the state. */
export type Action =
  | { readonly type: 'connection'; readonly connection: Connection }
  | { readonly type: 'me'; readonly me: Me }
  | { readonly type: 'relations'; readonly relations: Relations }
  | { readonly type: 'devices'; readonly devices: readonly Device[] }
  /** All conversations of the user: missing ones are removed. */
  | {
      readonly type: 'conversations';
      readonly conversations: readonly Conversation[];
      readonly users: readonly User[];
    }
  | {
      readonly type: 'conversation';
      readonly conversation: Conversation;
      readonly users: readonly User[];
    }
  | { readonly type: 'gone'; readonly conversationId: Id }
  /** A message of the server, with the time of the page. */
  | { readonly type: 'server-message'; readonly message: ServerMessage; readonly now: Time }
  | { readonly type: 'older-requested'; readonly conversationId: Id }
  | { readonly type: 'older-failed'; readonly conversationId: Id }
  /** A page of a history: before the loaded messages, after them, or replacing them. */
  | {
      readonly type: 'older' | 'newer' | 'newest';
      readonly conversationId: Id;
      readonly messages: readonly Message[];
      readonly users: readonly User[];
    }
  | { readonly type: 'outgoing-added'; readonly outgoing: Outgoing }
  | {
      readonly type: 'outgoing';
      readonly clientId: string;
      readonly change: Partial<Pick<Outgoing, 'status' | 'problem' | 'picture'>>;
    }
  | { readonly type: 'discarded'; readonly clientId: string }
  | { readonly type: 'selected'; readonly conversationId: Id | null }
  /** The user has seen all messages up to `seq`. */
  | { readonly type: 'seen'; readonly conversationId: Id; readonly seq: number }
  | { readonly type: 'draft'; readonly conversationId: Id; readonly text: string }
  /** Time has passed: expired typing notices are removed. */
  | { readonly type: 'tick'; readonly now: Time };
