import type { ErrorCode } from './error-code.ts';
import type { SendContent } from './http-api.ts';
import type { Id, Message, Presence, Time, User } from './model.ts';

/** What a client says on the websocket: one JSON object per text message. */
export type ClientMessage =
  /** Answered by `sent` or `refused` with the same `clientId` and `conversationId`. */
  | {
      readonly type: 'send';
      readonly clientId: string;
      readonly conversationId: Id;
      readonly content: SendContent;
    }
  /** Everything up to `seq` has arrived on this device. */
  | { readonly type: 'delivered'; readonly conversationId: Id; readonly seq: number }
  /** Everything up to `seq` was read. */
  | { readonly type: 'read'; readonly conversationId: Id; readonly seq: number }
  | { readonly type: 'typing'; readonly conversationId: Id }
  /** Answered by `heads`. */
  | { readonly type: 'sync' }
  /** Answered by `pong`. */
  | { readonly type: 'ping' };

/** How far somebody has got in a conversation. */
export interface Mark {
  readonly userId: Id;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

/** What has changed so that it is to be asked for again. */
export type ChangedWhat =
  /** `GET /api/friends`. */
  | 'friends'
  /** `GET /api/conversations`: one came or went, or its name or members changed. */
  | 'conversations'
  /** `GET /api/devices`. */
  | 'devices'
  /** `GET /api/me`. */
  | 'me';

/** What the server says: one JSON object per text message. Pass over a `type` that you do not know. */
export type ServerMessage =
  /** The first message on every connection: from here on nothing that is new is missed. */
  | {
      readonly type: 'ready';
      readonly userId: Id;
      readonly deviceId: Id;
      /** Clock of the server. */
      readonly time: Time;
    }
  /** A message, to every device of every member, those of its sender included. */
  | { readonly type: 'message'; readonly message: Message; readonly sender: User }
  /** The message is stored. To the connection that sent it, behind its `message`. */
  | {
      readonly type: 'sent';
      readonly clientId: string;
      readonly conversationId: Id;
      readonly id: Id;
      readonly seq: number;
      readonly sentAt: Time;
    }
  /** The message is not stored. */
  | {
      readonly type: 'refused';
      readonly clientId: string;
      readonly conversationId: Id;
      readonly error: ErrorCode;
      readonly message: string;
      readonly retryAfterMs?: number;
    }
  /** Anything else that was said could not be done; `about` is its type, null if it had none. */
  | {
      readonly type: 'error';
      readonly about: string | null;
      readonly error: ErrorCode;
      readonly message: string;
      readonly retryAfterMs?: number;
    }
  /** To every device of every member. Marks only rise: keep the greater. */
  | { readonly type: 'marks'; readonly conversationId: Id; readonly marks: readonly Mark[] }
  /** To my own devices, when one of them has read. */
  | {
      readonly type: 'unread';
      readonly conversationId: Id;
      readonly readSeq: number;
      readonly unread: number;
    }
  /** Somebody else types; it is over after 5 seconds, or when their message comes. */
  | { readonly type: 'typing'; readonly conversationId: Id; readonly userId: Id }
  /** A friend came or went. */
  | ({ readonly type: 'presence' } & Presence)
  | { readonly type: 'changed'; readonly what: ChangedWhat }
  /** The newest `seq` of each of my conversations. */
  | { readonly type: 'heads'; readonly heads: Readonly<Record<Id, number>> }
  | { readonly type: 'pong' };

/** Close codes of the application. */
export const socketClose = {
  /** The device was logged out: its token is stale. Do not reconnect. */
  loggedOut: 4001,
} as const;
