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

/** The body of every answer of 400 and above. */
export interface ErrorBody {
  readonly error: ErrorCode;
  /** For people, in English. */
  readonly message: string;
  /** When trying again makes sense, in milliseconds from now. */
  readonly retryAfterMs?: number;
}

/** `GET /api/config`: needs no login. */
export interface ConfigBody {
  /** Port of the websocket, on the host of the page. */
  readonly socketPort: number;
  readonly limits: typeof limits;
  /** Whether the request carried a token; it may be stale. */
  readonly hasLogin: boolean;
}

/** `POST /api/register`. */
export interface RegisterRequest {
  readonly name: string;
  readonly password: string;
  readonly phone?: string;
  readonly nickname?: string;
  /** What this device is called in the list of devices. */
  readonly device?: string;
  /** Sets the token as a cookie instead of answering it: what a page wants. */
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

/** Answer to both. */
export interface LoginBody {
  readonly me: Me;
  readonly deviceId: Id;
  /** For `Authorization: Bearer`; left out when it went into a cookie. */
  readonly token?: string;
}

/** `GET /api/me`. */
export interface MeBody {
  readonly me: Me;
  readonly deviceId: Id;
}

/** `PATCH /api/me`; answers a MeBody. */
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

/** Answers it: one of the two is set. `friend` when the other one had asked already. */
export interface FriendRequestBody {
  readonly request?: FriendRequest;
  readonly friend?: Friend;
}

/** `POST /api/friend-requests/:userId/accept`. */
export interface AcceptBody {
  readonly friend: Friend;
  readonly conversation: Conversation;
}

/** `GET /api/conversations`: all of mine, in no particular order. */
export interface ConversationsBody {
  readonly conversations: readonly Conversation[];
  /** Everybody that they mention, as member or sender of the last message. */
  readonly users: readonly User[];
}

/** `GET /api/conversations/:id`, and what every change of a group answers. */
export interface ConversationBody {
  readonly conversation: Conversation;
  readonly users: readonly User[];
}

/** `GET /api/conversations/:id/messages?before=&after=&limit=`. */
export interface MessagesBody {
  /** By `seq`, ascending. */
  readonly messages: readonly Message[];
  /** Everybody that they mention. */
  readonly users: readonly User[];
  /** Whether there are more in the direction that was asked for. */
  readonly hasMore: boolean;
}

/** `POST /api/conversations/:id/messages`. */
export interface SendRequest {
  /** 1 to 64 characters of `A-Z a-z 0-9 _ -`, unique per conversation and sender. */
  readonly clientId: string;
  readonly content: SendContent;
}

/** What can be sent. */
export type SendContent =
  | { readonly kind: 'text'; readonly text: string }
  /** `picture` is the hash of an uploaded one. */
  | { readonly kind: 'picture'; readonly picture: string; readonly text?: string };

export interface SendBody {
  readonly message: Message;
}

/** `POST /api/groups`. */
export interface GroupRequest {
  readonly name: string;
  /** Friends of mine to begin with. */
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
  /** Whether I am in it already. */
  readonly joined: boolean;
}

/** `POST /api/pictures`. */
export interface PictureBody {
  readonly picture: Picture;
}

/** Answer to what has nothing else to say. */
export type EmptyBody = Readonly<Record<string, never>>;
