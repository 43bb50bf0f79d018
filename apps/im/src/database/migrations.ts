import type { Kysely, Migration } from 'kysely';

/** The migrations by name. They run once each, in the order of the names. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first-tables': { up: createFirstTables },
};

// Migrations use untyped tables, because the types describe the newest schema.
async function createFirstTables(db: Kysely<unknown>): Promise<void> {
  await createPeople(db);
  await createConversations(db);
  await db.schema
    .createTable('pictures')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('width', 'integer', (column) => column.notNull())
    .addColumn('height', 'integer', (column) => column.notNull())
    .addColumn('uploaded_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('nodes')
    .addColumn('node', 'integer', (column) => column.primaryKey())
    .addColumn('holder', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('horizon', 'bigint', (column) => column.notNull())
    .execute();
}

async function createPeople(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('name_key', 'text', (column) => column.notNull().unique())
    .addColumn('nickname', 'text', (column) => column.notNull())
    .addColumn('nickname_key', 'text', (column) => column.notNull())
    .addColumn('phone', 'text', (column) => column.unique())
    .addColumn('password', 'text', (column) => column.notNull())
    .addColumn('avatar', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_at', 'bigint')
    .execute();
  await db.schema
    .createTable('devices')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('user_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('token_hash', 'text', (column) => column.notNull().unique())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('last_used_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('devices_of_user').on('devices').column('user_id').execute();
  await db.schema
    .createTable('friend_requests')
    .addColumn('from_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('to_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('requested_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('friend_requests_pk', ['from_id', 'to_id'])
    .execute();
  await db.schema.createIndex('requests_to').on('friend_requests').column('to_id').execute();
  await db.schema
    .createTable('friendships')
    .addColumn('user_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('friend_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('conversation_id', 'text', (column) => column.notNull())
    .addColumn('since', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('friendships_pk', ['user_id', 'friend_id'])
    .execute();
  await db.schema
    .createTable('blocks')
    .addColumn('user_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('blocked_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('blocked_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('blocks_pk', ['user_id', 'blocked_id'])
    .execute();
}

async function createConversations(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('conversations')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('name', 'text')
    .addColumn('direct_key', 'text', (column) => column.unique())
    .addColumn('last_seq', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('members')
    .addColumn('conversation_id', 'text', (column) =>
      column.notNull().references('conversations.id'),
    )
    .addColumn('user_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('joined_at', 'bigint', (column) => column.notNull())
    .addColumn('first_seq', 'integer', (column) => column.notNull())
    .addColumn('delivered_seq', 'integer', (column) => column.notNull())
    .addColumn('read_seq', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('members_pk', ['conversation_id', 'user_id'])
    .execute();
  await db.schema.createIndex('conversations_of_user').on('members').column('user_id').execute();
  await db.schema
    .createTable('messages')
    .addColumn('conversation_id', 'text', (column) =>
      column.notNull().references('conversations.id'),
    )
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('sender_id', 'text', (column) => column.notNull())
    .addColumn('client_id', 'text')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('sent_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('messages_pk', ['conversation_id', 'seq'])
    // Finds messages that are sent again.
    .addUniqueConstraint('messages_sent_once', ['conversation_id', 'sender_id', 'client_id'])
    .execute();
  await db.schema
    .createTable('invitations')
    .addColumn('code', 'text', (column) => column.primaryKey())
    .addColumn('conversation_id', 'text', (column) =>
      column.notNull().references('conversations.id'),
    )
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute();
}
