import { scryptSync } from 'node:crypto';
import { captureLogger } from '@gatewayworker/testing';
import type { Context } from 'gatewayworker';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { limits } from '../../shared/limits.ts';
import type { Message } from '../../shared/model.ts';
import type { ServerMessage } from '../../shared/socket-message.ts';
import { checkToken, tokenLifetimeMs } from '../../src/accounts/token.ts';
import { Conversations } from '../../src/conversations/conversations.ts';
import { storeMessages } from '../../src/conversations/store-messages.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { IdGenerator, parseId } from '../../src/ids/id-generator.ts';
import { NodeLease } from '../../src/ids/node-lease.ts';
import { LiveConnections, type Session } from '../../src/live/live-connections.ts';
import { type Messenger, openMessenger } from '../../src/messenger.ts';
import type { Push } from '../../src/push.ts';
import { resolveImSettings } from '../../src/settings.ts';
import { databaseKinds, type TestDatabase } from '../databases.ts';

/** A fake cluster that records the sent messages; all users except `offline` are online. */
class Recorder implements Push {
  readonly sent: { readonly userIds: readonly string[]; readonly message: ServerMessage }[] = [];

  readonly closed: string[] = [];

  readonly offline = new Set<string>();

  sendToUid(
    uid: string | number | readonly (string | number)[],
    data: string | Uint8Array,
  ): boolean {
    const userIds = [uid].flat().map(String);
    this.sent.push({ userIds, message: JSON.parse(String(data)) });
    return true;
  }

  isUidsOnline(uids: readonly (string | number)[]): Promise<Map<string, boolean>> {
    return Promise.resolve(
      new Map(uids.map((uid) => [String(uid), !this.offline.has(String(uid))])),
    );
  }

  closeGroup(): boolean {
    return true;
  }

  batchGetClientIdCountByGroup(): Promise<Map<string, number>> {
    return Promise.resolve(new Map());
  }

  sendToClient(): boolean {
    return true;
  }

  closeClient(clientId: string): boolean {
    this.closed.push(clientId);
    return true;
  }
}

/** A row of a friendship without `friend_id`. */
function friendOf(userId: string) {
  return { user_id: userId, conversation_id: '1', since: 1 };
}

/** Returns the code of a rejection, or 'no error'. */
async function codeOf(outcome: Promise<unknown>): Promise<unknown> {
  return await outcome.then(
    () => 'no error',
    (error: unknown) => Reflect.get(Object(error), 'code'),
  );
}

interface Instance {
  readonly messenger: Messenger;
  readonly push: Recorder;
  /** Aborts the signal of the process. */
  readonly ending: AbortController;
}

describe.each(databaseKinds)('im storage on $title', (kind) => {
  /** A test of what databases store, compare or find differently: it runs on each kind. */
  const checkOnEach = test.skipIf(kind.isSkipped);
  /** A test of rules that no database changes: it runs on one kind. */
  const check = test.skipIf(kind.isSkipped || !kind.runsEveryTest);
  let database: TestDatabase;
  let first: Instance;
  let second: Instance;
  let names = 0;

  beforeAll(async () => {
    if (kind.isSkipped) return;
    database = await kind.start();
    // Both at once on an empty database, so that both try to create the tables.
    [first, second] = await Promise.all([open(), open()]);
  });

  afterAll(async () => {
    await first?.messenger.close();
    await second?.messenger.close();
    await database?.dispose();
  });

  beforeEach(() => {
    for (const instance of [first, second])
      if (instance !== undefined) {
        instance.push.sent.length = 0;
        instance.push.closed.length = 0;
      }
  });

  /** Opens the messenger of one process. */
  async function open(): Promise<Instance> {
    const { databaseUrl, dataFolder } = database;
    const settings = {
      ...resolveImSettings({ IM_PASSWORD_COST: '10' }),
      ...{ databaseUrl, dataFolder },
    };
    const push = new Recorder();
    const { logger } = captureLogger();
    const ending = new AbortController();
    const { signal } = ending;
    const messenger = await openMessenger({ settings, push, logger, signal });
    return { messenger, push, ending };
  }

  async function register(): Promise<string> {
    names += 1;
    const fields = { name: `person-${names}`, password: 'correct horse' };
    return (await first.messenger.accounts.register(fields, '127.0.0.1')).userId;
  }

  async function befriend(one: string, other: string): Promise<string> {
    await first.messenger.people.request(one, other);
    return (await first.messenger.people.accept(other, one)).conversationId;
  }

  function text(conversationId: string, senderId: string, clientId: string, words = clientId) {
    return { conversationId, senderId, clientId, content: { kind: 'text' as const, text: words } };
  }

  async function historyOf(userId: string, conversationId: string): Promise<Message[]> {
    const all: Message[] = [];
    for (;;) {
      const page = { after: all.at(-1)?.seq ?? 0, limit: 100 };
      const { conversations } = second.messenger;
      const { messages, hasMore } = await conversations.history(userId, conversationId, page);
      all.push(...messages);
      if (!hasMore) return all;
    }
  }

  checkOnEach('messages: two writing processes number one conversation without a gap', async () => {
    const [ann, bob] = [await register(), await register()];
    const conversation = await befriend(ann, bob);
    const sends = Array.from({ length: 300 }, (_, index) => {
      const { messages } = index % 2 === 0 ? first.messenger : second.messenger;
      return messages.send(text(conversation, index % 3 === 0 ? ann : bob, `m${index}`));
    });
    const stored = await Promise.all(sends);
    const seqs = stored.map(({ message }) => message.seq).sort((a, b) => a - b);
    expect(seqs).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    expect(new Set(stored.map(({ message }) => message.id)).size).toBe(300);
    const history = await historyOf(ann, conversation);
    expect(history.map(({ seq }) => seq)).toEqual(seqs);
    // Messages of one process are stored in the order in which they were sent.
    for (const rest of [0, 1]) {
      const own = history.map(({ clientId }) => Number(clientId?.slice(1)));
      const order = own.filter((index) => index % 2 === rest);
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
    const { conversation: seen } = await second.messenger.conversations.get(bob, conversation);
    expect(seen).toMatchObject({ lastSeq: 300, lastMessage: history.at(-1) });
  });

  checkOnEach(
    'messages: sent twice at two processes, stored once and delivered by both',
    async () => {
      const [ann, bob] = [await register(), await register()];
      const conversation = await befriend(ann, bob);
      const draft = text(conversation, ann, 'same');
      const [one, other] = await Promise.all([
        first.messenger.messages.send(draft),
        second.messenger.messages.send(draft),
      ]);
      expect(one.message).toEqual(other.message);
      expect([one.isRepeated, other.isRepeated].sort()).toEqual([false, true]);
      expect(await historyOf(bob, conversation)).toEqual([one.message]);
      const received = [...first.push.sent, ...second.push.sent].filter(
        ({ message }) => message.type === 'message',
      );
      expect(received).toHaveLength(2);
      expect(received[0]?.userIds.toSorted()).toEqual([ann, bob].sort());
      await expect(
        second.messenger.messages.send(text(conversation, ann, 'same', 'something else')),
      ).rejects.toMatchObject({ code: 'client_id_used' });
    },
  );

  checkOnEach('messages: refused ones of a batch are not stored, the others are', async () => {
    const [ann, bob, eve] = [await register(), await register(), await register()];
    const conversation = await befriend(ann, bob);
    const { messages } = first.messenger;
    const outcomes = await Promise.allSettled([
      messages.send(text(conversation, ann, 'a')),
      messages.send(text(conversation, eve, 'intruder')),
      messages.send(text('12345', ann, 'nowhere')),
      messages.send({
        ...text(conversation, ann, 'no picture'),
        content: { kind: 'picture', picture: 'f'.repeat(64) },
      }),
      messages.send(text(conversation, bob, 'b')),
    ]);
    expect(
      outcomes.map((outcome) => Reflect.get(Object(Reflect.get(outcome, 'reason')), 'code')),
    ).toEqual([
      undefined,
      'conversation_unknown',
      'conversation_unknown',
      'picture_unknown',
      undefined,
    ]);
    const history = await historyOf(ann, conversation);
    expect(history.map(({ seq, clientId }) => [seq, clientId])).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
  });

  checkOnEach(
    'marks: never decrease or exceed the newest message, and give the unread count',
    async () => {
      const [ann, bob] = [await register(), await register()];
      const conversation = await befriend(ann, bob);
      for (const name of ['a', 'b', 'c']) {
        await first.messenger.messages.send(text(conversation, ann, name));
      }
      const unread = async () =>
        (await second.messenger.conversations.get(bob, conversation)).conversation.unread;
      expect(await unread()).toBe(3);
      const raise = (deliveredSeq: number, readSeq: number, { messenger } = first) =>
        messenger.marks.raise({ conversationId: conversation, userId: bob, deliveredSeq, readSeq });
      await Promise.all([raise(2, 0), raise(0, 1, second)]);
      expect(await unread()).toBe(2);
      await raise(1, 0);
      await raise(900, 900);
      expect(await unread()).toBe(0);
      const { members } = (await second.messenger.conversations.get(ann, conversation))
        .conversation;
      expect(members.find(({ userId }) => userId === bob)).toMatchObject({
        deliveredSeq: 3,
        readSeq: 3,
      });
      expect(first.push.sent.at(-1)).toEqual({
        userIds: expect.arrayContaining([ann, bob]),
        message: {
          type: 'marks',
          conversationId: conversation,
          marks: [{ userId: bob, deliveredSeq: 3, readSeq: 3 }],
        },
      });
      expect(first.push.sent.at(-2)).toEqual({
        userIds: [bob],
        message: { type: 'unread', conversationId: conversation, readSeq: 3, unread: 0 },
      });
      const eve = await register();
      await expect(
        first.messenger.marks.raise({
          ...{ conversationId: conversation, userId: eve },
          ...{ deliveredSeq: 1, readSeq: 1 },
        }),
      ).rejects.toMatchObject({ code: 'conversation_unknown' });
    },
  );

  checkOnEach('conversations: a list is consistent while messages are being stored', async () => {
    const [ann, bob] = [await register(), await register()];
    const conversation = await befriend(ann, bob);
    await first.messenger.messages.send(text(conversation, ann, 'before'));
    // After each statement of the reader, another process writes.
    let written = 0;
    const reader = first.messenger.db.withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        written += 1;
        await second.messenger.messages.send(text(conversation, ann, `later-${written}`));
        return result;
      },
    });
    const [seen] = (await new Conversations(reader).list(bob)).conversations;
    expect(written).toBeGreaterThan(1);
    expect(seen).toMatchObject({ lastSeq: 1, lastMessage: { seq: 1, clientId: 'before' } });
  });

  checkOnEach('typing: sent to reachable members; a block has no effect in a group', async () => {
    const [ann, bob, eve] = [await register(), await register(), await register()];
    const conversation = await befriend(ann, bob);
    const { conversations, groups, people } = first.messenger;
    const group = await groups.create(ann, 'Both', [bob]);
    expect(await conversations.reachableMembers(ann, conversation)).toEqual([bob]);
    const unknown = { code: 'conversation_unknown' };
    await expect(conversations.reachableMembers(eve, conversation)).rejects.toMatchObject(unknown);
    await people.block(bob, ann);
    expect(await conversations.reachableMembers(ann, conversation)).toEqual([]);
    expect(await conversations.reachableMembers(bob, conversation)).toEqual([]);
    expect(await conversations.reachableMembers(ann, group)).toEqual([bob]);
  });

  checkOnEach(
    'block: after it is confirmed, no more messages of the blocked user are stored',
    async () => {
      const [ann, bob] = [await register(), await register()];
      const conversation = await befriend(ann, bob);
      const order: string[] = [];
      let blocked: Promise<unknown> | undefined;
      // A message that was allowed, in a transaction that has not committed.
      await first.messenger.db.transaction().execute(async (write) => {
        const ids = new IdGenerator();
        ids.next = () => `1${conversation}`;
        await storeMessages(write, ids, [text(conversation, ann, 'just in time')]);
        blocked = second.messenger.people.block(bob, ann).then(() => order.push('blocked'));
        // Long enough for a block that does not wait for the lock to finish.
        for (let round = 0; round < 200; round += 1) {
          await write.selectFrom('users').select('id').execute();
          await new Promise((resolve) => setImmediate(resolve));
        }
        order.push('stored');
      });
      await blocked;
      expect(order).toEqual(['stored', 'blocked']);
      await expect(
        first.messenger.messages.send(text(conversation, ann, 'too late')),
      ).rejects.toMatchObject({ code: 'blocked' });
    },
  );

  checkOnEach(
    'logout: messages of a connection that stayed open are ignored, it is closed',
    async () => {
      const [ann, bob] = [await register(), await register()];
      const conversation = await befriend(ann, bob);
      const { db } = first.messenger;
      const device = await db
        .selectFrom('devices')
        .select('id')
        .where('user_id', '=', ann)
        .executeTakeFirstOrThrow();
      // The fake cluster ignores the close of the logout, like a gateway that cannot be reached.
      await first.messenger.devices.logOutEverywhere(ann);
      first.push.sent.length = 0;
      const { logger } = captureLogger();
      const live = new LiveConnections(first.messenger, logger);
      onTestFinished(() => live.stop());
      const received: unknown[] = [];
      const session = { userId: ann, deviceId: device.id };
      const context: Context<Session> = {
        ...{
          clientId: 'c'.repeat(20),
          uid: ann,
          session,
          remoteAddress: '127.0.0.1',
          remotePort: 1,
        },
        ...{ gatewayName: 'im-gateway', gatewayPort: 1, request: undefined },
        ...{ redelivered: false, closed: undefined, send: (data) => received.push(data) > 0 },
      };
      const content = { kind: 'text', text: 'stolen' };
      for (const said of [
        { type: 'send', clientId: 'x', conversationId: conversation, content },
        { type: 'typing', conversationId: conversation },
        { type: 'sync' },
      ]) {
        await live.handle(JSON.stringify(said), context, session);
      }
      expect(received).toEqual([]);
      expect(first.push.sent).toEqual([]);
      expect(first.push.closed).toEqual(Array.from({ length: 3 }, () => context.clientId));
      expect(await historyOf(bob, conversation)).toEqual([]);
    },
  );

  checkOnEach(
    'friends: simultaneous requests of both make one friendship and conversation',
    async () => {
      const [ann, bob] = [await register(), await register()];
      await Promise.all([
        first.messenger.people.request(ann, bob),
        second.messenger.people.request(bob, ann),
      ]);
      const { friends } = await first.messenger.people.relations(ann);
      expect(friends.map(({ id }) => id)).toEqual([bob]);
      const { conversations } = await second.messenger.conversations.list(bob);
      expect(conversations.map(({ id }) => id)).toEqual([friends[0]?.conversationId]);
    },
  );

  check('login: all addresses of an IPv6 /64 share ten wrong passwords', async () => {
    const { accounts } = first.messenger;
    const fields = { name: `shared-${names}`, password: 'correct horse' };
    await accounts.register(fields, '2001:db8:1:1::1');
    const guess = async (address: string) =>
      await codeOf(accounts.login({ login: fields.name, password: 'wrong' }, address));
    const codes: unknown[] = [];
    for (let host = 1; host <= 12; host += 1) codes.push(await guess(`2001:db8:1:1:${host}::1`));
    expect(codes).toEqual([...Array(10).fill('wrong_credentials'), 'too_fast', 'too_fast']);
    expect(await guess('2001:db8:1:2::1')).toBe('wrong_credentials');
  });

  check('login: an account takes 100 wrong passwords from many networks, then few', async () => {
    const { accounts } = second.messenger;
    const [name, phone] = [`guessed-${kind.title.length}`, `+4900${kind.title.length}0000`];
    const fields = { name, phone, password: 'correct horse' };
    await accounts.register(fields, '192.0.2.1');
    const counts = new Map<unknown, number>();
    for (let network = 0; network < 120; network += 1) {
      const login = network % 2 === 0 ? name : phone;
      const address = `2001:db8:2:${network.toString(16)}::1`;
      const code = await codeOf(accounts.login({ login, password: 'wrong' }, address));
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    // On a slow machine one more attempt per minute is allowed.
    expect(counts.get('too_fast')).toBeGreaterThan(10);
    expect([...counts.keys()]).toEqual(['wrong_credentials', 'too_fast']);
    // Other accounts are not affected.
    await accounts.register({ ...fields, name: `${name}-2`, phone: '' }, '192.0.2.1');
    const other = { login: `${name}-2`, password: fields.password };
    expect(await accounts.login(other, '192.0.2.2')).toMatchObject({ me: { name: `${name}-2` } });
  });

  checkOnEach('login: replaces a password hash that is weaker than new ones', async () => {
    const { accounts, db } = first.messenger;
    const fields = { name: `weak-${kind.title.length}`, password: 'correct horse' };
    const { userId } = await accounts.register(fields, 'x');
    const salt = Buffer.from('sixteen bytes ok');
    const derived = scryptSync(fields.password, salt, 32, { N: 1024, r: 8, p: 1 });
    const password = [
      'scrypt',
      1024,
      8,
      1,
      ...[salt, derived].map((bytes) => bytes.toString('base64url')),
    ].join('$');
    await db.updateTable('users').set({ password }).where('id', '=', userId).execute();
    const login = { login: fields.name, password: fields.password };
    await accounts.login(login, 'x');
    const { password: replaced } = await db
      .selectFrom('users')
      .select('password')
      .where('id', '=', userId)
      .executeTakeFirstOrThrow();
    expect(replaced).toMatch(/^scrypt\$1024\$8\$3\$/);
    expect(await accounts.login(login, 'x')).toMatchObject({ userId });
  });

  checkOnEach('accounts: of simultaneous registrations of one name, one succeeds', async () => {
    const fields = { name: 'Wanted', password: 'correct horse' };
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => {
        const { accounts } = (index % 2 === 0 ? first : second).messenger;
        return accounts.register({ ...fields, name: index % 3 === 0 ? 'WANTED' : 'wanted' }, 'x');
      }),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: 'name_taken' });
    }
  });

  checkOnEach(
    'devices: beyond the limit the least recently used is evicted, old ones expire',
    async () => {
      const { accounts, db, devices } = first.messenger;
      const name = `many-devices-${kind.title.length}`;
      const { userId, token } = await accounts.register({ name, password: 'correct horse' }, 'x');
      const login = { login: name, password: 'correct horse' };
      expect(await checkToken(db, token, Date.now())).toMatchObject({ userId });
      const tokens: string[] = [];
      for (let count = 0; count < limits.devices; count += 1) {
        tokens.push((await accounts.login(login, 'x')).token);
      }
      await expect(checkToken(db, token, Date.now())).rejects.toMatchObject({
        code: 'token_stale',
      });
      for (const each of tokens)
        expect(await checkToken(db, each, Date.now())).toMatchObject({ userId });
      const [oldest = ''] = tokens;
      const { deviceId } = await checkToken(db, oldest, Date.now());
      expect(await devices.list({ userId, deviceId })).toHaveLength(limits.devices);
      const later = Date.now() + tokenLifetimeMs;
      await expect(checkToken(db, oldest, later)).rejects.toMatchObject({ code: 'token_stale' });
    },
  );

  checkOnEach('groups: simultaneous joins add every member and a notice each', async () => {
    const people = await Promise.all(Array.from({ length: 12 }, register));
    const [owner = '', ...others] = people;
    const { groups, invitations, conversations } = first.messenger;
    const id = await groups.create(owner, 'All of us', []);
    const { code } = await invitations.create(owner, id);
    await Promise.all(
      others.map((userId, index) =>
        (index % 2 === 0 ? first : second).messenger.invitations.join(userId, code),
      ),
    );
    const { conversation } = await conversations.get(owner, id);
    expect(conversation.members.map(({ userId }) => userId).sort()).toEqual([...people].sort());
    expect(conversation.lastSeq).toBe(12);
    const history = await historyOf(owner, id);
    expect(history.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 12 }, (_, index) => index + 1),
    );
    expect(conversation.unread).toBe(0);
    // A new member sees the messages from the join on.
    const late = history.find(({ senderId }) => senderId === others[5]);
    expect((await historyOf(others[5] ?? '', id))[0]).toEqual(late);
  });

  checkOnEach(
    'groups: a successor replaces the leaving owner; a removed member has no access',
    async () => {
      const [ann, bob, cem] = [await register(), await register(), await register()];
      await befriend(ann, bob);
      await befriend(ann, cem);
      const { groups, conversations } = first.messenger;
      const id = await groups.create(ann, 'Three', [bob, cem]);
      await expect(groups.rename(bob, id, 'Mine')).rejects.toMatchObject({ code: 'not_owner' });
      await groups.leave(ann, id);
      const heir = (await conversations.get(bob, id)).conversation.members.find(
        ({ role }) => role === 'owner',
      );
      const other = heir?.userId === bob ? cem : bob;
      await groups.remove(heir?.userId ?? '', id, other);
      await expect(conversations.get(other, id)).rejects.toMatchObject({
        code: 'conversation_unknown',
      });
      await expect(historyOf(ann, id)).rejects.toMatchObject({ code: 'conversation_unknown' });
      const notices = (await historyOf(heir?.userId ?? '', id)).map(({ content }) =>
        content.kind === 'notice' ? content.notice.event : content.kind,
      );
      expect(notices).toEqual(['created', 'added', 'left', 'removed']);
    },
  );

  checkOnEach('groups: the first to join an empty group becomes the owner', async () => {
    const [ann, bob, cem] = [await register(), await register(), await register()];
    const { groups, invitations, conversations } = first.messenger;
    const id = await groups.create(ann, 'Empty', []);
    const { code } = await invitations.create(ann, id);
    await groups.leave(ann, id);
    await invitations.join(bob, code);
    await invitations.join(cem, code);
    const { conversation } = await conversations.get(bob, id);
    const roles = Object.fromEntries(
      conversation.members.map(({ userId, role }) => [userId, role]),
    );
    expect(roles).toEqual({ [bob]: 'owner', [cem]: 'member' });
    await groups.rename(bob, id, 'Mine');
  });

  checkOnEach(
    'groups: the limit of members, including the owner, applies at creation',
    async () => {
      const owner = await register();
      const { groups, db, conversations } = first.messenger;
      const others = Array.from({ length: limits.groupMembers }, (_, index) => `${owner}${index}`);
      const template = await db
        .selectFrom('users')
        .selectAll()
        .where('id', '=', owner)
        .executeTakeFirstOrThrow();
      await db.transaction().execute(async (write) => {
        await write
          .insertInto('users')
          .values(others.map((id) => ({ ...template, id, name: id, name_key: id })))
          .execute();
        await write
          .insertInto('friendships')
          .values(others.map((id) => ({ ...friendOf(owner), friend_id: id })))
          .execute();
      });
      await expect(groups.create(owner, 'Too many', others)).rejects.toMatchObject({
        code: 'group_full',
      });
      expect((await conversations.list(owner)).conversations).toEqual([]);
      const id = await groups.create(owner, 'Full', others.slice(1));
      const { conversation } = await conversations.get(owner, id);
      expect(conversation.members).toHaveLength(limits.groupMembers);
      expect(conversation.members.filter(({ role }) => role === 'owner')).toMatchObject([
        { userId: owner },
      ]);
    },
  );

  checkOnEach('invitations: removing a member deletes the invitations of that member', async () => {
    const [ann, bob] = [await register(), await register()];
    await befriend(ann, bob);
    const { groups, invitations, conversations } = first.messenger;
    const id = await groups.create(ann, 'Two', [bob]);
    const own = await invitations.create(bob, id);
    const other = await invitations.create(ann, id);
    await groups.remove(ann, id, bob);
    const unknown = { code: 'invitation_unknown' };
    await expect(invitations.join(bob, own.code)).rejects.toMatchObject(unknown);
    await expect(invitations.preview(bob, own.code)).rejects.toMatchObject(unknown);
    await invitations.join(bob, other.code);
    expect((await conversations.get(ann, id)).conversation.members).toHaveLength(2);
  });

  checkOnEach('presence: announced without delay if the process is about to end', async () => {
    const [ann, bob] = [await register(), await register()];
    await befriend(ann, bob);
    const order: string[] = [];
    const ending = await open();
    onTestFinished(() => ending.messenger.close());
    for (const { push } of [first, ending]) push.offline.add(ann);
    const staying = first.messenger.presence.disconnected(ann).then(() => order.push('staying'));
    const ended = ending.messenger.presence.disconnected(ann).then(() => order.push('to end'));
    ending.ending.abort();
    await Promise.all([staying, ended]);
    expect(order).toEqual(['to end', 'staying']);
    const gone = { online: false, lastSeenAt: expect.any(Number) };
    expect(ending.push.sent).toEqual([
      { userIds: [bob], message: { type: 'presence', userId: ann, ...gone } },
    ]);
    const { friends } = await first.messenger.people.relations(bob);
    expect(friends).toMatchObject([{ id: ann, ...gone }]);
  });

  checkOnEach('node leases: processes get different numbers and never the same id', async () => {
    const db = await openDatabase(database);
    onTestFinished(() => db.destroy());
    const { logger } = captureLogger();
    let now = Date.now() + 1_000_000;
    const lease = (clock: () => number) => {
      const ids = new IdGenerator(clock);
      return { ids, lease: new NodeLease({ db, ids, logger, now: clock }) };
    };
    const seen = new Set<string>();
    const issue = ({ ids }: { readonly ids: IdGenerator }, count: number) => {
      for (let step = 0; step < count; step += 1) seen.add(ids.next());
    };
    const leases = Array.from({ length: 4 }, () => lease(() => now));
    await Promise.all(leases.map((entry) => entry.lease.renew()));
    expect(new Set(leases.map((entry) => entry.lease.node)).size).toBe(4);
    for (const entry of leases) issue(entry, 100);

    // A suspended process loses its number after a minute: its generator must throw.
    const [sleeper] = leases;
    now += 60_000;
    expect(() => sleeper?.ids.next()).toThrow('lease of this server has expired');
    await sleeper?.lease.renew();
    issue(sleeper ?? lease(() => now), 100);
    // A process whose clock is ten minutes behind must not repeat ids.
    const late = lease(() => now - 600_000);
    await late.lease.renew();
    issue(late, 100);
    expect(seen.size).toBe(600);
    expect(new Set([...seen].map((id) => parseId(id).node)).size).toBeGreaterThanOrEqual(5);
  });
});
