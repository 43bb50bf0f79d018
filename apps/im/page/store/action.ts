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

/** Everything that can happen to the state. */
export type Action =
  | { readonly type: 'connection'; readonly connection: Connection }
  | { readonly type: 'me'; readonly me: Me }
  | { readonly type: 'relations'; readonly relations: Relations }
  | { readonly type: 'devices'; readonly devices: readonly Device[] }
  /** All of mine: one that is missing is gone. */
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
  /** The server has said something, at this time by the clock of the page. */
  | { readonly type: 'heard'; readonly message: ServerMessage; readonly now: Time }
  | { readonly type: 'older-asked'; readonly conversationId: Id }
  | { readonly type: 'older-failed'; readonly conversationId: Id }
  /** A page of a history: before what is there, behind it, or instead of it. */
  | {
      readonly type: 'older' | 'newer' | 'newest';
      readonly conversationId: Id;
      readonly messages: readonly Message[];
      readonly users: readonly User[];
    }
  | { readonly type: 'written'; readonly outgoing: Outgoing }
  | {
      readonly type: 'outgoing';
      readonly clientId: string;
      readonly change: Partial<Pick<Outgoing, 'status' | 'problem' | 'picture'>>;
    }
  | { readonly type: 'discarded'; readonly clientId: string }
  | { readonly type: 'selected'; readonly conversationId: Id | null }
  /** Everything up to `seq` was seen on this page. */
  | { readonly type: 'seen'; readonly conversationId: Id; readonly seq: number }
  | { readonly type: 'draft'; readonly conversationId: Id; readonly text: string }
  /** Time passes: who has stopped typing is forgotten. */
  | { readonly type: 'tick'; readonly now: Time };
