import type { ErrorCode } from './error-code.ts';
import type { limits } from './limits.ts';
import type {
  Conversation,
  Device,
  FoundUser,
  Friend,
  FriendRequest,
  Id,
  Me,
  Message,
  Picture,
  Relations,
  Time,
  User,
} from './model.ts';

/** The body of every response with a status of 400 or above. */
export interface ErrorBody {
  readonly error: ErrorCode;
  /** For users, in English. */
  readonly message: string;
  /** When to retry, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** `GET /api/config`, without login. */
export interface ConfigBody {
  /** Port of the websocket, on the host of the page. */
  readonly socketPort: number;
  readonly limits: typeof limits;
  /** True if the request had a token, which may be stale. */
  readonly hasLogin: boolean;
}

/** `POST /api/register`. */
export interface RegisterRequest {
  readonly name: string;
  readonly password: string;
  readonly phone?: string;
  readonly nickname?: string;
  /** Name of this device in the list of devices. */
  readonly device?: string;
  /** True sets the token as a cookie instead of returning it; for pages. */
  readonly cookie?: boolean;
}

/** `POST /api/login`. */
export interface LoginRequest {
  /** Name or phone. */
  readonly login: string;
  readonly password: string;
  readonly device?: string;
  readonly cookie?: boolean;
}

/** Response to both. */
export interface LoginBody {
  readonly me: Me;
  readonly deviceId: Id;
  /** For `Authorization: Bearer`; missing if it was set as a cookie. */
  readonly token?: string;
}

/** `GET /api/me`. */
export interface MeBody {
  readonly me: Me;
  readonly deviceId: Id;
}

/** `PATCH /api/me`; the response is a MeBody. */
export interface ProfileRequest {
  readonly nickname?: string;
  /** Hash of an uploaded picture; null for none. */
  readonly avatar?: string | null;
}

/** `GET /api/devices`. */
export interface DevicesBody {
  readonly devices: readonly Device[];
}

/** `GET /api/users?query=`. */
export interface FoundUsersBody {
  readonly users: readonly FoundUser[];
}

/** `GET /api/friends`. */
export type RelationsBody = Relations;

/** `POST /api/friend-requests`. */
export interface FriendRequestRequest {
  readonly userId: Id;
}

/** The response. One field is set; `friend` if the other user had sent a request before. */
export interface FriendRequestBody {
  readonly request?: FriendRequest;
  readonly friend?: Friend;
}

/** `POST /api/friend-requests/:userId/accept`. */
export interface AcceptBody {
  readonly friend: Friend;
  readonly conversation: Conversation;
}

/** `GET /api/conversations`: all conversations of the user, in no particular order. */
export interface ConversationsBody {
  readonly conversations: readonly Conversation[];
  /** All members, and the senders of the last messages. */
  readonly users: readonly User[];
}

/** `GET /api/conversations/:id`, and the response to every change of a group. */
export interface ConversationBody {
  readonly conversation: Conversation;
  readonly users: readonly User[];
}

/** `GET /api/conversations/:id/messages?before=&after=&limit=`. */
export interface MessagesBody {
  /** By `seq`, ascending. */
  readonly messages: readonly Message[];
  /** All users that the messages refer to. */
  readonly users: readonly User[];
  /** True if there are more messages in the requested direction. */
  readonly hasMore: boolean;
}

/** `POST /api/conversations/:id/messages`. */
export interface SendRequest {
  /** 1 to 64 characters of `A-Z a-z 0-9 _ -`, unique per conversation and sender. */
  readonly clientId: string;
  readonly content: SendContent;
}

/** Content of a message to send. */
export type SendContent =
  | { readonly kind: 'text'; readonly text: string }
  /** `picture` is the hash of an uploaded picture. */
  | { readonly kind: 'picture'; readonly picture: string; readonly text?: string };

export interface SendBody {
  readonly message: Message;
}

/** `POST /api/groups`. */
export interface GroupRequest {
  readonly name: string;
  /** The first members, who must be friends of the user. */
  readonly userIds?: readonly Id[];
}

/** `PATCH /api/groups/:id`. */
export interface RenameRequest {
  readonly name: string;
}

/** `POST /api/groups/:id/members`. */
export interface AddMembersRequest {
  readonly userIds: readonly Id[];
}

/** `POST /api/groups/:id/invitations`. */
export interface InvitationBody {
  /** 1 to 11 characters of base62. */
  readonly code: string;
  /** Path of the link, `/i/<code>`, which opens the page. */
  readonly path: string;
  readonly expiresAt: Time;
}

/** `GET /api/invitations/:code`. */
export interface InvitationPreviewBody {
  readonly conversationId: Id;
  readonly name: string;
  readonly memberCount: number;
  /** True if the user is a member. */
  readonly joined: boolean;
}

/** `POST /api/pictures`. */
export interface PictureBody {
  readonly picture: Picture;
}

/** Response without fields. */
export type EmptyBody = Readonly<Record<string, never>>;
