/** A 64-bit id in decimal digits. Never convert it to a JavaScript number, which cannot represent it. */
export type Id = string;

/** Milliseconds since 1970. */
export type Time = number;

/** The public fields of a user. */
export interface User {
  readonly id: Id;
  /** Unique, chosen at registration, never changed. */
  readonly name: string;
  /** The displayed name; equal to `name` if none was chosen. */
  readonly nickname: string;
  /** Hash of a picture. */
  readonly avatar: string | null;
}

/** The user's own fields. */
export interface Me extends User {
  /** Digits, with a leading `+` if it was given. */
  readonly phone: string | null;
}

/** Whether a user is connected with any device. */
export interface Presence {
  readonly userId: Id;
  readonly online: boolean;
  /** When the last device disconnected; null while online, and before the first connection. */
  readonly lastSeenAt: Time | null;
}

/** Relation of a user to the requesting user. */
export type Relation =
  | 'none'
  | 'self'
  | 'friend'
  /** The requesting user has sent a friend request. */
  | 'requested'
  /** The other user has sent a friend request. */
  | 'asking'
  /** Blocked by the requesting user. */
  | 'blocked';

export interface FoundUser extends User {
  readonly relation: Relation;
}

export interface Friend extends User {
  readonly online: boolean;
  readonly lastSeenAt: Time | null;
  /** The direct conversation with this friend. */
  readonly conversationId: Id;
}

export interface FriendRequest {
  /** The other user: the sender of a received request, the receiver of a sent one. */
  readonly user: User;
  readonly requestedAt: Time;
}

/** All relations of a user. */
export interface Relations {
  readonly friends: readonly Friend[];
  readonly received: readonly FriendRequest[];
  readonly sent: readonly FriendRequest[];
  readonly blocked: readonly User[];
}

/** A login of a user. */
export interface Device {
  readonly id: Id;
  readonly name: string;
  readonly createdAt: Time;
  /** When it last opened a websocket or logged in. */
  readonly lastUsedAt: Time;
  /** True if it has an open websocket. */
  readonly online: boolean;
  /** True for the device of the request. */
  readonly current: boolean;
}

/** A picture of a message. */
export interface Picture {
  /** SHA-256 of the uploaded file, 64 hexadecimal digits. */
  readonly hash: string;
  /** Of `full.webp`, in pixels. */
  readonly width: number;
  readonly height: number;
}

/** An event of a group; `userIds` are the affected users. */
export type Notice =
  | { readonly event: 'created'; readonly name: string }
  | { readonly event: 'renamed'; readonly name: string }
  /** The sender joined by an invitation. */
  | { readonly event: 'joined' }
  /** The sender has added these users. */
  | { readonly event: 'added'; readonly userIds: readonly Id[] }
  | { readonly event: 'left' }
  /** The sender has removed these users. */
  | { readonly event: 'removed'; readonly userIds: readonly Id[] };

/** Content of a message. Later versions may add kinds: show a placeholder for an unknown one. */
export type MessageContent =
  | { readonly kind: 'text'; readonly text: string }
  /** `text` is the caption, which may be empty. */
  | { readonly kind: 'picture'; readonly picture: Picture; readonly text: string }
  /** Created by the server, only in groups; counts as read. */
  | { readonly kind: 'notice'; readonly notice: Notice };

/** One message of a conversation. */
export interface Message {
  readonly id: Id;
  readonly conversationId: Id;
  /** Number in the conversation: 1, 2, 3 … without a gap. Clients show messages in this order. */
  readonly seq: number;
  readonly senderId: Id;
  /** Id chosen by the device of the sender, unique per conversation and sender; null for a notice. */
  readonly clientId: string | null;
  readonly sentAt: Time;
  readonly content: MessageContent;
}

export type MemberRole = 'owner' | 'member';

/** A member of a conversation with its marks. */
export interface Member {
  readonly userId: Id;
  readonly role: MemberRole;
  /** All messages up to this `seq` have arrived on a device of the member. */
  readonly deliveredSeq: number;
  /** The member has read all messages up to this `seq`. Never greater than `deliveredSeq`. */
  readonly readSeq: number;
}

/** Why the user cannot send to a direct conversation. */
export type Barrier = 'blocked' | 'you_blocked' | 'not_friends';

/** A conversation from the view of a member. */
export interface Conversation {
  readonly id: Id;
  readonly kind: 'direct' | 'group';
  /** Name of a group; null for a direct conversation, which is named after the other user. */
  readonly name: string | null;
  readonly createdAt: Time;
  readonly members: readonly Member[];
  /** The member cannot see messages before this `seq`. */
  readonly firstSeq: number;
  /** `seq` of the newest message; 0 if there is none. */
  readonly lastSeq: number;
  readonly lastMessage: Message | null;
  /** The `readSeq` of the member. */
  readonly readSeq: number;
  /** Number of unread messages of others, without notices; at most `limits.unread`. */
  readonly unread: number;
  /** Null if the member can send, and always null in groups. */
  readonly barrier: Barrier | null;
}
