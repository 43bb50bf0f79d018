import type { Kysely, Transaction } from 'kysely';

// Ids are text, because the drivers do not preserve 64-bit integers. Rows are never sorted by id.
// Times are milliseconds since 1970 in 64-bit columns, which fit JavaScript numbers.

/** The tables, for the type checks of Kysely. */
export interface Tables {
  readonly users: UserRow;
  readonly devices: DeviceRow;
  readonly friend_requests: FriendRequestRow;
  readonly friendships: FriendshipRow;
  readonly blocks: BlockRow;
  readonly conversations: ConversationRow;
  readonly members: MemberRow;
  readonly messages: MessageRow;
  readonly invitations: InvitationRow;
  readonly pictures: PictureRow;
  readonly nodes: NodeRow;
}

export type Database = Kysely<Tables>;

/** A transaction. All writes need one, see `sqlite-dialect.ts`. */
export type Write = Transaction<Tables>;

export interface UserRow {
  readonly id: string;
  readonly name: string;
  /** The keys by which name and nickname are compared and searched. */
  readonly name_key: string;
  readonly nickname: string;
  readonly nickname_key: string;
  readonly phone: string | null;
  /** Hash and its parameters, see `password.ts`. */
  readonly password: string;
  readonly avatar: string | null;
  readonly created_at: number;
  readonly last_seen_at: number | null;
}

export interface DeviceRow {
  readonly id: string;
  readonly user_id: string;
  readonly token_hash: string;
  readonly name: string;
  readonly created_at: number;
  readonly last_used_at: number;
}

export interface FriendRequestRow {
  readonly from_id: string;
  readonly to_id: string;
  readonly requested_at: number;
}

/** Two rows per friendship, one for each user. */
export interface FriendshipRow {
  readonly user_id: string;
  readonly friend_id: string;
  readonly conversation_id: string;
  readonly since: number;
}

export interface BlockRow {
  readonly user_id: string;
  readonly blocked_id: string;
  readonly blocked_at: number;
}

export interface ConversationRow {
  readonly id: string;
  readonly kind: 'direct' | 'group';
  readonly name: string | null;
  /** Both user ids of a direct conversation, unique; null for a group. */
  readonly direct_key: string | null;
  readonly last_seq: number;
  readonly created_at: number;
}

export interface MemberRow {
  readonly conversation_id: string;
  readonly user_id: string;
  readonly role: 'owner' | 'member';
  readonly joined_at: number;
  readonly first_seq: number;
  readonly delivered_seq: number;
  readonly read_seq: number;
}

export interface MessageRow {
  readonly conversation_id: string;
  readonly seq: number;
  readonly id: string;
  readonly sender_id: string;
  readonly client_id: string | null;
  readonly kind: string;
  /** JSON; its fields depend on `kind`. */
  readonly content: string;
  readonly sent_at: number;
}

export interface InvitationRow {
  readonly code: string;
  readonly conversation_id: string;
  readonly created_by: string;
  readonly created_at: number;
  readonly expires_at: number;
}

export interface PictureRow {
  readonly hash: string;
  readonly width: number;
  readonly height: number;
  readonly uploaded_by: string;
  readonly created_at: number;
}

/** One row per node number that was leased, see `node-lease.ts`. */
export interface NodeRow {
  readonly node: number;
  readonly holder: string;
  readonly expires_at: number;
  /** Ids with times up to this one may have been issued. */
  readonly horizon: number;
}
