import type { ErrorCode } from './error-code.ts';
import type { SendContent } from './http-api.ts';
import type { Id, Message, Presence, Time, User } from './model.ts';

/** A message of a client: one JSON object per text message. */
export type ClientMessage =
  /** Answered by `sent` or `refused` with the same `clientId` and `conversationId`. */
  | {
      readonly type: 'send';
      readonly clientId: string;
      readonly conversationId: Id;
      readonly content: SendContent;
    }
  /** All messages up to `seq` have arrived on this device. */
  | { readonly type: 'delivered'; readonly conversationId: Id; readonly seq: number }
  /** The user has read all messages up to `seq`. */
  | { readonly type: 'read'; readonly conversationId: Id; readonly seq: number }
  | { readonly type: 'typing'; readonly conversationId: Id }
  /** Answered by `heads`. */
  | { readonly type: 'sync' }
  /** Answered by `pong`. */
  | { readonly type: 'ping' };

/** The marks of a member of a conversation. */
export interface Mark {
  readonly userId: Id;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

/** What has changed and should be fetched again. */
export type ChangedWhat =
  /** `GET /api/friends`. */
  | 'friends'
  /** `GET /api/conversations`: one was added or removed, or its name or members changed. */
  | 'conversations'
  /** `GET /api/devices`. */
  | 'devices'
  /** `GET /api/me`. */
  | 'me';

/** A message of the server: one JSON object per text message. Ignore an unknown `type`. */
export type ServerMessage =
  /** The first message of every connection. All later events are delivered to it. */
  | {
      readonly type: 'ready';
      readonly userId: Id;
      readonly deviceId: Id;
      /** Clock of the server. */
      readonly time: Time;
    }
  /** A chat message, to every device of every member, including those of the sender. */
  | { readonly type: 'message'; readonly message: Message; readonly sender: User }
  /** The chat message is stored. To the sending connection, after its `message`. */
  | {
      readonly type: 'sent';
      readonly clientId: string;
      readonly conversationId: Id;
      readonly id: Id;
      readonly seq: number;
      readonly sentAt: Time;
    }
  /** The chat message is not stored. */
  | {
      readonly type: 'refused';
      readonly clientId: string;
      readonly conversationId: Id;
      readonly error: ErrorCode;
      readonly message: string;
      readonly retryAfterMs?: number;
    }
  /** Any other message of the client failed; `about` is its type, null if it had none. */
  | {
      readonly type: 'error';
      readonly about: string | null;
      readonly error: ErrorCode;
      readonly message: string;
      readonly retryAfterMs?: number;
    }
  /** To every device of every member. Marks never decrease: keep the greater value. */
  | { readonly type: 'marks'; readonly conversationId: Id; readonly marks: readonly Mark[] }
  /** To the devices of a user, after one of them has sent `read`. */
  | {
      readonly type: 'unread';
      readonly conversationId: Id;
      readonly readSeq: number;
      readonly unread: number;
    }
  /** Another member is typing; expires after 5 seconds or with the next message of that member. */
  | { readonly type: 'typing'; readonly conversationId: Id; readonly userId: Id }
  /** A friend went online or offline. */
  | ({ readonly type: 'presence' } & Presence)
  | { readonly type: 'changed'; readonly what: ChangedWhat }
  /** The newest `seq` of each conversation of the user. */
  | { readonly type: 'heads'; readonly heads: Readonly<Record<Id, number>> }
  | { readonly type: 'pong' };

/** Close codes of the application. */
export const socketClose = {
  /** The device was logged out: its token is stale. Do not reconnect. */
  loggedOut: 4001,
} as const;
