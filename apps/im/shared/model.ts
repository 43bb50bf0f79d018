/** A 64-bit id in decimal digits. It does not fit a JavaScript number: never make one of it. */
export type Id = string;

/** Milliseconds since 1970. */
export type Time = number;

/** A person as anybody may see them. */
export interface User {
  readonly id: Id;
  /** Unique, chosen at registration, never changes. */
  readonly name: string;
  /** What is shown; the name when none was chosen. */
  readonly nickname: string;
  /** Hash of a picture. */
  readonly avatar: string | null;
}

/** What a person sees of themselves. */
export interface Me extends User {
  /** In digits, with a leading `+` if it was given with one. */
  readonly phone: string | null;
}

/** Whether somebody is connected with any device, and since when not. */
export interface Presence {
  readonly userId: Id;
  readonly online: boolean;
  /** When the last device went; null while online, and for who was never there. */
  readonly lastSeenAt: Time | null;
}

/** What somebody is to the one who asks. */
export type Relation =
  | 'none'
  | 'self'
  | 'friend'
  /** Asked by me, not answered yet. */
  | 'requested'
  /** Has asked me. */
  | 'asking'
  /** Blocked by me. */
  | 'blocked';

export interface FoundUser extends User {
  readonly relation: Relation;
}

export interface Friend extends User {
  readonly online: boolean;
  readonly lastSeenAt: Time | null;
  /** The conversation of the two. */
  readonly conversationId: Id;
}

export interface FriendRequest {
  /** The other one: who has asked, or who was asked. */
  readonly user: User;
  readonly requestedAt: Time;
}

/** Every relation of a person. */
export interface Relations {
  readonly friends: readonly Friend[];
  readonly received: readonly FriendRequest[];
  readonly sent: readonly FriendRequest[];
  readonly blocked: readonly User[];
}

/** A place where somebody is logged in. */
export interface Device {
  readonly id: Id;
  readonly name: string;
  readonly createdAt: Time;
  /** When it last opened a websocket or logged in. */
  readonly lastUsedAt: Time;
  /** Whether it has a websocket open. */
  readonly online: boolean;
  /** Whether it is the one that asks. */
  readonly current: boolean;
}

/** A picture as messages refer to it. */
export interface Picture {
  /** SHA-256 of what was uploaded, 64 hexadecimal digits. */
  readonly hash: string;
  /** Of `full.webp`, in pixels. */
  readonly width: number;
  readonly height: number;
}

/** What happened in a group; `userIds` are those it happened to. */
export type Notice =
  | { readonly event: 'created'; readonly name: string }
  | { readonly event: 'renamed'; readonly name: string }
  /** Came by an invitation link. */
  | { readonly event: 'joined' }
  /** The sender has added these. */
  | { readonly event: 'added'; readonly userIds: readonly Id[] }
  | { readonly event: 'left' }
  /** The sender has removed these. */
  | { readonly event: 'removed'; readonly userIds: readonly Id[] };

/** What a message says. Further kinds may come: show an unknown one as such. */
export type MessageContent =
  | { readonly kind: 'text'; readonly text: string }
  /** `text` are words beside the picture; it may be empty. */
  | { readonly kind: 'picture'; readonly picture: Picture; readonly text: string }
  /** Made by the server, in groups only; it counts as read. */
  | { readonly kind: 'notice'; readonly notice: Notice };

/** One message of a conversation. */
export interface Message {
  readonly id: Id;
  readonly conversationId: Id;
  /** Place in the conversation: 1, 2, 3 … without a gap. Every screen shows messages in this order. */
  readonly seq: number;
  readonly senderId: Id;
  /** What the sender's device called it, unique per conversation and sender; null for a notice. */
  readonly clientId: string | null;
  readonly sentAt: Time;
  readonly content: MessageContent;
}

export type MemberRole = 'owner' | 'member';

/** Somebody in a conversation, and how far they have got. */
export interface Member {
  readonly userId: Id;
  readonly role: MemberRole;
  /** Everything up to this `seq` has reached one of their devices. */
  readonly deliveredSeq: number;
  /** Everything up to this `seq` was read. Never more than `deliveredSeq`. */
  readonly readSeq: number;
}

/** Why nothing can be sent to a conversation right now. */
export type Barrier = 'blocked' | 'you_blocked' | 'not_friends';

/** A conversation as one of its members sees it. */
export interface Conversation {
  readonly id: Id;
  readonly kind: 'direct' | 'group';
  /** Of a group; null for two people: show the other one. */
  readonly name: string | null;
  readonly createdAt: Time;
  readonly members: readonly Member[];
  /** What came before this `seq` is not for this member. */
  readonly firstSeq: number;
  /** `seq` of the newest message, 0 when there is none. */
  readonly lastSeq: number;
  readonly lastMessage: Message | null;
  /** My own marks, those of my entry in `members`. */
  readonly readSeq: number;
  /** Messages of others that I have not read, notices apart; at most `limits.unread`. */
  readonly unread: number;
  /** Of two people; null when messages can be sent, and in every group. */
  readonly barrier: Barrier | null;
}
