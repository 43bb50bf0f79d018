import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { eventually, openClient, requestRefusedHandshake } from '@gatewayworker/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type {
  ConversationBody,
  ConversationsBody,
  DevicesBody,
  FoundUsersBody,
  InvitationBody,
  MessagesBody,
  PictureBody,
  RelationsBody,
  SendBody,
} from '../../shared/http-api.ts';
import { limits } from '../../shared/limits.ts';
import type { Conversation, Message } from '../../shared/model.ts';
import type { ServerMessage } from '../../shared/socket-message.ts';
import { HttpClient } from '../../src/client/http-client.ts';
import type { MessengerClient, Refused } from '../../src/client/messenger-client.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { databaseKinds, type TestDatabase } from '../databases.ts';
import {
  befriend,
  type ImCluster,
  loginAgain,
  newName,
  openAccount,
  startIm,
} from '../im-cluster.ts';

/** A connected user with the received messages. */
interface Person {
  readonly client: MessengerClient;
  readonly id: string;
  readonly http: HttpClient;
  /** The displayed messages, in order. */
  readonly screen: Message[];
  readonly received: ServerMessage[];
}

describe.each(databaseKinds)('im API on $title', (kind) => {
  /** A test of what databases store, compare or find differently: it runs on each kind. */
  const checkOnEach = test.skipIf(kind.isSkipped);
  /** A test of rules that no database changes: it runs on one kind. */
  const check = test.skipIf(kind.isSkipped || !kind.runsEveryTest);
  let im: ImCluster;
  let database: TestDatabase;
  let dataFolder: string;

  beforeAll(async () => {
    if (kind.isSkipped) return;
    im = await startIm({
      ...kind,
      async start() {
        database = await kind.start();
        dataFolder = database.dataFolder;
        return database;
      },
    });
  });

  afterAll(() => im?.dispose());

  /** Creates an account, or logs in to an existing one, and connects. */
  async function connect(name = newName()): Promise<Person> {
    const [screen, received]: [Message[], ServerMessage[]] = [[], []];
    const client = await openAccount(im, name, {
      onMessage: (message) => screen.push(message),
      onServerMessage: (message) => received.push(message),
    });
    onTestFinished(() => client.close());
    await client.connect();
    return { client, id: client.me.id, http: client.http, screen, received };
  }

  /** Sets the last use of the devices of a user to two hours ago. */
  async function backdateUse(name: string): Promise<void> {
    const db = await openDatabase(database);
    const user = db.selectFrom('users').select('id').where('name', '=', name);
    await db.transaction().execute((write) =>
      write
        .updateTable('devices')
        .set({ last_used_at: Date.now() - 2 * 60 * 60 * 1000 })
        .where('user_id', '=', user)
        .execute(),
    );
    await db.destroy();
  }

  /** Counts the stored users, devices and messages. */
  async function countStored(): Promise<number[]> {
    const db = await openDatabase(database);
    const count = async (table: 'users' | 'devices' | 'messages') => {
      const row = await db
        .selectFrom(table)
        .select(({ fn }) => fn.countAll().as('rows'))
        .executeTakeFirstOrThrow();
      return Number(row.rows);
    };
    const counts = [await count('users'), await count('devices'), await count('messages')];
    await db.destroy();
    return counts;
  }

  async function friends(): Promise<[Person, Person, string]> {
    const [ann, bob] = [await connect(), await connect()];
    return [ann, bob, await befriend(ann.client, bob.client)];
  }

  async function say(person: Person, conversationId: string, text: string): Promise<number> {
    const answer = await person.client.send(conversationId, { kind: 'text', text });
    if (answer.type !== 'sent') throw new Error(`${text}: ${answer.error}`);
    return answer.seq;
  }

  async function historyOf({ http }: Person, conversationId: string): Promise<readonly Message[]> {
    const path = `/api/conversations/${conversationId}/messages`;
    const history: Message[] = [];
    for (;;) {
      const after = history.at(-1)?.seq ?? 0;
      const { messages } = await http.get<MessagesBody>(`${path}?after=${after}&limit=100`);
      history.push(...messages);
      if (messages.length < 100) return history;
    }
  }

  async function conversationOf({ http }: Person, id: string): Promise<Conversation> {
    return (await http.get<ConversationBody>(`/api/conversations/${id}`)).conversation;
  }

  function textsOf(messages: readonly Message[]): string[] {
    return messages.map(({ content }) => ('text' in content ? content.text : content.kind));
  }

  checkOnEach(
    'accounts: log in by name in any case or by phone, duplicates are rejected',
    async () => {
      const anonymous = new HttpClient(im.address);
      const name = newName('Zoë');
      const phone = `+49 (30) ${String(process.pid).padStart(6, '0')}${kind.title.length}`;
      const password = 'correct horse';
      const login = await anonymous.post('/api/register', {
        name,
        phone,
        password,
        nickname: ' Z  ',
      });
      expect(login).toMatchObject({
        me: { id: expect.stringMatching(/^\d{17,20}$/), name, nickname: 'Z', avatar: null },
        token: expect.stringMatching(/^[\w-]{43}$/),
      });
      const me = { me: Reflect.get(Object(login), 'me') };
      for (const key of [name.toUpperCase(), phone.replace(/[^\d+]/g, ''), phone]) {
        expect(await anonymous.post('/api/login', { login: key, password })).toMatchObject(me);
      }
      const before = await countStored();
      const again = (change: object) =>
        anonymous.post('/api/register', { name: newName(), password, ...change });
      await expect(again({ name: name.toUpperCase() })).rejects.toMatchObject({
        ...{ status: 409, code: 'name_taken' },
      });
      await expect(again({ phone })).rejects.toMatchObject({ status: 409, code: 'phone_taken' });
      for (const wrong of [
        ...[{ name: 'x' }, { name: '12345678' }, { name: 'a b' }, { name: 'x'.repeat(33) }],
        ...[{ name: 7 }, { name: '../x' }, { password: 'short' }, { password: 'x'.repeat(129) }],
        ...[{ phone: 'none' }, { nickname: 'x'.repeat(33) }, { admin: true }, { cookie: 'yes' }],
      ]) {
        await expect(again(wrong)).rejects.toMatchObject({ status: 400, code: 'invalid' });
      }
      expect(await countStored()).toEqual(before);
    },
  );

  check(
    'login: a wrong password and an unknown name give the same error, then too_fast',
    async () => {
      const { client } = await connect();
      const anonymous = new HttpClient(im.address);
      const attempt = (login: string) =>
        anonymous
          .post('/api/login', { login, password: 'wrong horse' })
          .catch((error: unknown) => error);
      const before = await countStored();
      const wrong = await attempt(client.me.name);
      expect(wrong).toMatchObject({ status: 401, code: 'wrong_credentials' });
      expect(await attempt(newName())).toEqual(wrong);
      for (let count = 1; count < 10; count += 1) await attempt(client.me.name);
      expect(await attempt(client.me.name)).toMatchObject({
        ...{ status: 429, code: 'too_fast', retryAfterMs: expect.any(Number) },
      });
      expect(await countStored()).toEqual(before);
    },
  );

  checkOnEach('login and search: control characters are removed', async () => {
    const { client, http, id } = await connect();
    const { name } = client.me;
    const anonymous = new HttpClient(im.address);
    const attempt = (login: string) =>
      anonymous.post('/api/login', { login, password: 'correct horse' });
    expect(await attempt(`\0${name}\u0007`)).toMatchObject({ me: { id } });
    await expect(attempt(`${name}\0x`)).rejects.toMatchObject({ code: 'wrong_credentials' });
    await expect(attempt('\0')).rejects.toMatchObject({ code: 'wrong_credentials' });
    const find = (query: string) =>
      http.get<FoundUsersBody>(`/api/users?query=${encodeURIComponent(query)}`);
    expect(await find(`${name}\0`)).toMatchObject({ users: [{ id }] });
    expect(await find(`${name}\0x`)).toEqual({ users: [] });
    await expect(find('\0\0\0')).rejects.toMatchObject({ status: 400, code: 'invalid' });
  });

  check('handshake: refused without a valid token, or from a page of another site', async () => {
    const { client } = await connect();
    const status = async (headers: Record<string, string>) =>
      (await requestRefusedHandshake(im.socketPort, '/', { headers })).status;
    const cookie = `im_token=${client.token}`;
    expect(await status({})).toBe(401);
    expect(await status({ Authorization: `Bearer ${'x'.repeat(43)}` })).toBe(401);
    expect(await status({ Cookie: `im_token=${'x'.repeat(43)}`, Origin: im.address })).toBe(401);
    expect(await status({ Cookie: cookie })).toBe(403);
    expect(await status({ Cookie: cookie, Origin: 'https://evil.example' })).toBe(403);
    expect(await status({ Cookie: cookie, Origin: 'http://127.0.0.1:1' })).toBe(403);
    const page = await openClient(im.socketPort, '/', {
      headers: { Cookie: cookie, Origin: im.address },
    });
    onTestFinished(() => page.terminate());
    expect(await page.nextJson()).toMatchObject({ type: 'ready', userId: client.me.id });
  });

  check('cookie: HttpOnly, renewed by use, rejected for other origins', async () => {
    const post = (path: string, body: object, headers: Record<string, string>) =>
      fetch(im.address + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
    const account = { name: newName(), password: 'correct horse', cookie: true };
    const foreign = { Origin: 'https://evil.example' };
    expect((await post('/api/register', account, foreign)).status).toBe(403);
    const response = await post('/api/register', account, { Origin: im.address });
    expect(await response.json()).toEqual({ me: expect.anything(), deviceId: expect.anything() });
    const [setCookie = ''] = response.headers.getSetCookie();
    expect(setCookie).toMatch(
      /^im_token=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const Cookie = setCookie.split(';')[0] ?? '';
    const ask = (path: string) => fetch(im.address + path, { headers: { Cookie } });
    const again = await ask('/api/me');
    expect(again.status).toBe(200);
    expect(again.headers.getSetCookie()).toEqual([setCookie]);
    // The use of the device has just been stored, so the cookie is not renewed.
    expect((await ask('/api/devices')).headers.getSetCookie()).toEqual([]);
    await backdateUse(account.name);
    expect((await ask('/api/devices')).headers.getSetCookie()).toEqual([setCookie]);
    await backdateUse(account.name);
    const bearer = { Authorization: `Bearer ${/im_token=([^;]+)/.exec(setCookie)?.[1]}` };
    const byHeader = await fetch(`${im.address}/api/me`, { headers: bearer });
    expect([byHeader.status, byHeader.headers.getSetCookie()]).toEqual([200, []]);
    expect((await post('/api/groups', { name: 'x' }, { Cookie, ...foreign })).status).toBe(403);
    expect((await post('/api/groups', { name: 'x' }, { Cookie })).status).toBe(403);
    expect((await post('/api/groups', { name: 'x' }, { Cookie, Origin: im.address })).status).toBe(
      201,
    );
    await backdateUse(account.name);
    const out = await post('/api/logout', {}, { Cookie, Origin: im.address });
    expect(out.headers.getSetCookie()).toEqual([expect.stringMatching(/^im_token=; .*Expires=/)]);
  });

  check(
    'logout: closes the connections and makes the token stale, of one device or all',
    async () => {
      const first = await connect();
      const { name } = first.client.me;
      const open = async (token = '') => {
        const headers = { Authorization: `Bearer ${token}` };
        const socket = await openClient(im.socketPort, '/', { headers });
        onTestFinished(() => socket.terminate());
        await socket.next();
        return socket;
      };
      const [second, third] = [await loginAgain(im, name), await loginAgain(im, name)];
      const [socket, other] = [await open(second.token), await open(third.token)];
      const { devices } = await first.http.get<DevicesBody>('/api/devices');
      expect(devices.map(({ online }) => online)).toEqual([true, true, true]);
      expect(devices.filter(({ current }) => current)).toHaveLength(1);
      await first.http.request('DELETE', `/api/devices/${second.deviceId}`);
      expect(await socket.ended).toEqual({ code: 4001, reason: 'logged out' });
      const stale = new HttpClient(im.address, second.token);
      await expect(stale.get('/api/me')).rejects.toMatchObject({
        status: 401,
        code: 'token_stale',
      });
      expect(
        await requestRefusedHandshake(im.socketPort, '/', {
          headers: { Authorization: `Bearer ${second.token}` },
        }),
      ).toMatchObject({ status: 401 });
      await first.http.post('/api/logout-everywhere');
      expect(await other.ended).toMatchObject({ code: 4001 });
      await expect(first.http.get('/api/me')).rejects.toMatchObject({ code: 'token_stale' });
      const before = await countStored();
      await expect(stale.post('/api/logout')).rejects.toMatchObject({ code: 'token_stale' });
      const group = { name: 'a group', memberIds: [] };
      await expect(stale.post('/api/groups', group)).rejects.toMatchObject({ code: 'token_stale' });
      expect(await countStored()).toEqual(before);
    },
  );

  checkOnEach('friends: search, request and accept, which creates a conversation', async () => {
    const [ann, bob] = [await connect(newName('Finder')), await connect(newName('Found'))];
    const find = async () => {
      const query = encodeURIComponent(bob.client.me.name.toUpperCase());
      return (await ann.http.get<FoundUsersBody>(`/api/users?query=${query}`)).users;
    };
    expect(await find()).toMatchObject([{ id: bob.id, relation: 'none' }]);
    await ann.http.post('/api/friend-requests', { userId: bob.id });
    expect(await find()).toMatchObject([{ relation: 'requested' }]);
    await eventually(() =>
      expect(bob.received).toContainEqual({ type: 'changed', what: 'friends' }),
    );
    const again = ann.http.post('/api/friend-requests', { userId: bob.id });
    await expect(again).rejects.toMatchObject({ status: 409, code: 'already_requested' });
    const { received } = await bob.http.get<RelationsBody>('/api/friends');
    expect(received).toMatchObject([{ user: { id: ann.id } }]);
    await bob.http.post(`/api/friend-requests/${ann.id}/accept`);
    const relations = await ann.http.get<RelationsBody>('/api/friends');
    expect(relations).toMatchObject({ friends: [{ id: bob.id, online: true }], sent: [] });
    const { conversations, users } = await bob.http.get<ConversationsBody>('/api/conversations');
    expect(conversations).toMatchObject([
      { id: relations.friends[0]?.conversationId, kind: 'direct', lastSeq: 0, barrier: null },
    ]);
    expect(users.map(({ id }) => id).sort()).toEqual([ann.id, bob.id].sort());
    for (const [userId, code] of [
      ...[
        [bob.id, 'already_friends'],
        [ann.id, 'invalid'],
        ['99999', 'user_unknown'],
      ],
      ...[['no-id', 'invalid']],
    ] as const) {
      const request = ann.http.post('/api/friend-requests', { userId });
      await expect(request).rejects.toMatchObject({ code });
    }
    await expect(ann.http.post('/api/friend-requests/99999/accept')).rejects.toMatchObject({
      ...{ status: 404, code: 'request_unknown' },
    });
  });

  checkOnEach('message: reaches every device of both users once, with all marks', async () => {
    const [ann, bob, conversation] = await friends();
    const [annsTablet, bobsTablet] = [
      await connect(ann.client.me.name),
      await connect(bob.client.me.name),
    ];
    const everyone = [ann, bob, annsTablet, bobsTablet];
    const texts = ['Hello', 'Grüße, 你好', '👩‍👩‍👧‍👦 🏳️‍🌈', 'two\nlines'];
    for (const [index, text] of texts.entries()) {
      expect(await say(index % 2 === 0 ? ann : bob, conversation, text)).toBe(index + 1);
    }
    for (const { screen } of everyone)
      await eventually(() => expect(textsOf(screen)).toEqual(texts));
    const order = ann.received.filter(({ type }) => type === 'message' || type === 'sent');
    expect(order.slice(0, 2).map(({ type }) => type)).toEqual(['message', 'sent']);

    expect(await conversationOf(bob, conversation)).toMatchObject({ unread: 2, lastSeq: 4 });
    bob.client.transmit({ type: 'delivered', conversationId: conversation, seq: 3 });
    bob.client.transmit({ type: 'read', conversationId: conversation, seq: 2 });
    const marks = (deliveredSeq: number, readSeq: number) =>
      expect.objectContaining({
        ...{ type: 'marks', conversationId: conversation },
        marks: [{ userId: bob.id, deliveredSeq, readSeq }],
      });
    for (const { received } of everyone) {
      await eventually(() => expect(received).toContainEqual(marks(3, 2)));
    }
    expect(bobsTablet.received).toContainEqual({
      ...{ type: 'unread', conversationId: conversation, readSeq: 2, unread: 1 },
    });
    expect(await conversationOf(bob, conversation)).toMatchObject({ unread: 1, readSeq: 2 });
  });

  checkOnEach(
    'catch-up: messages sent while offline arrive at the next login, once, in order',
    async () => {
      const [ann, bob, conversation] = await friends();
      await say(ann, conversation, 'before');
      await eventually(() => bob.screen.length === 1);
      await bob.client.close();
      const missed = Array.from({ length: 25 }, (_, index) => `missed ${index}`);
      for (const text of missed) await say(ann, conversation, text);
      const { conversations } = await bob.http.get<ConversationsBody>('/api/conversations');
      expect(conversations).toMatchObject([{ unread: 26, lastSeq: 26 }]);

      const screen: Message[] = [];
      const back = await openAccount(im, bob.client.me.name, {
        onMessage: (next) => screen.push(next),
      });
      onTestFinished(() => back.close());
      back.follow(conversation, 1);
      await back.connect();
      await eventually(() => expect(textsOf(screen)).toEqual(missed));
      await say(ann, conversation, 'live');
      await eventually(() => expect(textsOf(screen)).toEqual([...missed, 'live']));

      const page = async (query: string) =>
        await bob.http.get<MessagesBody>(`/api/conversations/${conversation}/messages?${query}`);
      const newest = await page('limit=10');
      expect(newest).toMatchObject({ hasMore: true });
      expect(newest.messages.map(({ seq }) => seq)).toEqual([
        18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
      ]);
      expect((await page('before=18&limit=100')).messages).toHaveLength(17);
      expect(await page('before=1')).toEqual({ messages: [], users: [], hasMore: false });
      await expect(page('before=x')).rejects.toMatchObject({ status: 400, code: 'invalid' });
    },
  );

  checkOnEach('group: joined by a link, its messages reach only members, can be left', async () => {
    const [ann, bob, cem] = [await connect(), await connect(), await connect()];
    await befriend(ann.client, bob.client);
    const { conversation } = await ann.http.post<ConversationBody>('/api/groups', {
      ...{ name: 'Hikers', userIds: [bob.id] },
    });
    const { id } = conversation;
    expect(conversation).toMatchObject({ kind: 'group', name: 'Hikers', lastSeq: 2 });
    const { code } = await bob.http.post<InvitationBody>(`/api/groups/${id}/invitations`);
    expect(code).toMatch(/^[0-9a-zA-Z]{1,11}$/);
    const intruder = cem.client.send(id, { kind: 'text', text: 'Let me in' });
    expect(await intruder).toMatchObject({ type: 'refused', error: 'conversation_unknown' });
    expect(await cem.http.get(`/api/invitations/${code}`)).toEqual({
      ...{ conversationId: id, name: 'Hikers', memberCount: 2, joined: false },
    });
    await cem.http.post(`/api/invitations/${code}/join`);
    await say(cem, id, 'Here I am');
    for (const { screen } of [ann, bob, cem]) {
      await eventually(() => expect(textsOf(screen).slice(-2)).toEqual(['notice', 'Here I am']));
    }
    // New members do not see earlier messages.
    expect((await historyOf(cem, id)).map(({ seq }) => seq)).toEqual([3, 4]);
    await cem.http.post(`/api/groups/${id}/leave`);
    await say(ann, id, 'Gone?');
    await eventually(() => expect(textsOf(bob.screen).at(-1)).toBe('Gone?'));
    expect(textsOf(cem.screen)).not.toContain('Gone?');
    await expect(historyOf(cem, id)).rejects.toMatchObject({ code: 'conversation_unknown' });
    await bob.http.request('DELETE', `/api/invitations/${code}`);
    for (const wrong of [code, 'AAAAAAAAAAA', '..%2Fetc', 'x'.repeat(40)]) {
      await expect(cem.http.post(`/api/invitations/${wrong}/join`)).rejects.toMatchObject({
        ...{ status: 404, code: 'invitation_unknown' },
      });
    }
  });

  check('conversation: every request of a user who is not a member is rejected', async () => {
    const [ann, bob, conversation] = await friends();
    const eve = await connect();
    await say(ann, conversation, 'secret');
    const unknown = { status: 404, code: 'conversation_unknown' };
    for (const id of [conversation, '424242']) {
      const path = `/api/conversations/${id}`;
      await expect(eve.http.get(path)).rejects.toMatchObject(unknown);
      await expect(eve.http.get(`${path}/messages`)).rejects.toMatchObject(unknown);
      const message = { clientId: 'x', content: { kind: 'text', text: 'hi' } };
      await expect(eve.http.post(`${path}/messages`, message)).rejects.toMatchObject(unknown);
      await expect(eve.http.post(`/api/groups/${id}/leave`)).rejects.toMatchObject(unknown);
      for (const type of ['read', 'delivered'] as const) {
        eve.client.transmit({ type, conversationId: id, seq: 1 });
        const error = { type: 'error', about: type, error: 'conversation_unknown' };
        await eventually(() => expect(eve.received).toContainEqual(expect.objectContaining(error)));
        eve.received.length = 0;
      }
      eve.client.transmit({ type: 'typing', conversationId: id });
      await eventually(() => eve.received.some((said) => said.type === 'error'));
      eve.received.length = 0;
    }
    expect(textsOf(await historyOf(bob, conversation))).toEqual(['secret']);
    expect(bob.received.filter(({ type }) => type === 'typing')).toEqual([]);
    expect(await ann.http.get(`/api/conversations/${conversation}`)).toBeTruthy();
  });

  check('block: messages of a blocked user or former friend are refused, not stored', async () => {
    const [ann, bob, conversation] = await friends();
    const attempt = async (person: Person): Promise<[string, string]> => {
      const text = { kind: 'text', text: 'psst' } as const;
      const live = await person.client.send(conversation, text);
      const path = `/api/conversations/${conversation}/messages`;
      const http = await person.http
        .post(path, { clientId: 'http', content: text })
        .catch((error: unknown) => Reflect.get(Object(error), 'code'));
      return [(live as Refused).error, String(http)];
    };
    await bob.http.request('PUT', `/api/blocks/${ann.id}`);
    expect(await attempt(ann)).toEqual(['blocked', 'blocked']);
    expect(await attempt(bob)).toEqual(['you_blocked', 'you_blocked']);
    expect(await conversationOf(ann, conversation)).toMatchObject({ barrier: 'blocked' });
    const request = ann.http.post('/api/friend-requests', { userId: bob.id });
    await expect(request).rejects.toMatchObject({ status: 403, code: 'blocked' });
    expect(await bob.http.get('/api/friends')).toMatchObject({ blocked: [{ id: ann.id }] });
    await bob.http.request('DELETE', `/api/blocks/${ann.id}`);
    expect(await attempt(ann)).toEqual(['not_friends', 'not_friends']);
    expect(await historyOf(bob, conversation)).toEqual([]);
    await befriend(ann.client, bob.client);
    expect(await say(ann, conversation, 'friends again')).toBe(1);
  });

  check('message: a text of 10 MB or an invalid message is refused, not stored', async () => {
    const [ann, bob, conversation] = await friends();
    const path = `/api/conversations/${conversation}/messages`;
    const huge = 'x'.repeat(10_000_000);
    const post = (body: object) => ann.http.post(path, body);
    const content = { kind: 'text', text: huge };
    await expect(post({ clientId: 'a', content })).rejects.toMatchObject({
      ...{ status: 413, code: 'too_large' },
    });
    const long = { kind: 'text', text: 'x'.repeat(limits.text + 1) } as const;
    await expect(post({ clientId: 'a', content: long })).rejects.toMatchObject({
      ...{ status: 413, code: 'text_too_long' },
    });
    expect(await ann.client.send(conversation, long)).toMatchObject({ error: 'text_too_long' });
    for (const wrong of [
      ...[{}, { clientId: 'a' }, { clientId: 'a', content: null }, { clientId: '', content: long }],
      ...[
        { clientId: 'a b', content: long },
        { clientId: 'a', content: { kind: 'notice' } },
      ],
      ...[{ clientId: 'a', content: { kind: 'text', text: ' \n\t ' } }],
      ...[{ clientId: 'a', content: { kind: 'text', text: 7 } }],
      ...[{ clientId: 'a', content: { kind: 'picture', picture: '../../etc/passwd' } }],
      ...[{ clientId: 'a', content: { kind: 'text', text: 'x' }, senderId: bob.id }],
    ]) {
      await expect(post(wrong)).rejects.toMatchObject({ status: 400, code: 'invalid' });
    }

    const headers = { Authorization: `Bearer ${ann.client.token}` };
    const socket = await openClient(im.socketPort, '/', { headers });
    onTestFinished(() => socket.terminate());
    await socket.next();
    for (const wrong of [
      '',
      'nonsense',
      '[]',
      'null',
      '{"type":7}',
      '{"type":"send"}',
      '{"type":"x"}',
    ]) {
      socket.send(wrong);
      expect(await socket.nextJson()).toMatchObject({ type: 'error', error: 'invalid' });
    }
    socket.send(Buffer.from('{"type":"ping"}'));
    expect(await socket.nextJson()).toMatchObject({ type: 'error', error: 'invalid' });
    socket.send(
      JSON.stringify({ type: 'send', clientId: 'b', conversationId: conversation, content }),
    );
    expect(await socket.ended).toEqual({
      code: 1009,
      reason: `a message is longer than ${limits.socketMessageBytes} bytes`,
    });
    expect(await historyOf(bob, conversation)).toEqual([]);
  });

  checkOnEach(
    'picture: stored once per content without metadata, served with a login only',
    async () => {
      const [ann, bob, conversation] = await friends();
      const noise = {
        create: { width: 1200, height: 600, channels: 3, background: '#a35' },
      } as const;
      const photo = await sharp(noise)
        .withExif({ IFD0: { Artist: 'Secret artist' } })
        .jpeg()
        .toBuffer();
      expect(photo.includes('Secret artist')).toBe(true);
      const [one, other] = await Promise.all([
        ann.http.request<PictureBody>('POST', '/api/pictures', form(photo, '../../x.html')),
        bob.http.request<PictureBody>('POST', '/api/pictures', form(photo, 'y.jpg')),
      ]);
      expect(one).toEqual(other);
      const { hash } = one.picture;
      expect(one.picture).toEqual({ hash, width: 1200, height: 600 });
      expect((await readdir(`${dataFolder}/pictures/${hash.slice(0, 2)}`)).sort()).toEqual([
        ...[`${hash}-full.webp`, `${hash}-small.webp`],
      ]);
      await ann.client.send(conversation, { kind: 'picture', picture: hash, text: 'Look' });
      const content = { kind: 'picture', picture: one.picture, text: 'Look' };
      await eventually(() => expect(bob.screen.at(-1)?.content).toEqual(content));

      const fetchFile = (file: string, token?: string) =>
        fetch(`${im.address}/pictures/${hash}/${file}`, {
          headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
        });
      for (const [file, width] of [
        ['full.webp', 1200],
        ['small.webp', limits.pictureSmall],
      ] as const) {
        const response = await fetchFile(file, bob.client.token);
        expect(response.status).toBe(200);
        expect(Object.fromEntries(response.headers)).toMatchObject({
          'content-type': 'image/webp',
          'x-content-type-options': 'nosniff',
          'cache-control': expect.stringMatching(/private.*max-age=31536000.*immutable/),
          'content-security-policy': "default-src 'none'; sandbox",
        });
        const bytes = Buffer.from(await response.arrayBuffer());
        expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', width });
        expect(bytes.includes('Secret artist')).toBe(false);
      }
      expect((await fetchFile('full.webp')).status).toBe(401);
      for (const file of [
        'x.webp',
        '..%2Ffull.webp',
        `${hash}-full.webp`,
        '%2e%2e%2f%2e%2e%2fim.db',
      ]) {
        expect((await fetchFile(file, ann.client.token)).status).toBe(404);
      }
      const avatar = await ann.http.request('PATCH', '/api/me', { avatar: hash });
      expect(avatar).toMatchObject({ me: { avatar: hash } });
    },
  );

  check('picture: another file or a large picture is refused, nothing is stored', async () => {
    const { http } = await connect();
    const files = async () => (await readdir(`${dataFolder}/pictures`, { recursive: true })).length;
    const before = await files();
    const upload = (bytes: Buffer, name = 'x.png', field = 'picture') =>
      http.request('POST', '/api/pictures', form(bytes, name, field));
    const red = { create: { width: 64, height: 64, channels: 3, background: 'red' } } as const;
    const png = await sharp(red).png().toBuffer();
    const wide = { create: { width: 9000, height: 5000, channels: 3, background: 'red' } } as const;
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    );
    const none = { status: 415, code: 'not_a_picture' };
    for (const bytes of [
      ...[Buffer.from('I am no picture'), svg, Buffer.alloc(0), png.subarray(0, 60)],
      Buffer.concat([Buffer.from('\xff\xd8\xff', 'latin1'), randomBytes(500)]),
    ]) {
      await expect(upload(bytes)).rejects.toMatchObject(none);
    }
    await expect(upload(await sharp(wide).png().toBuffer())).rejects.toMatchObject({
      ...{ status: 413, code: 'picture_too_many_pixels' },
    });
    const large = Buffer.concat([png, Buffer.alloc(2 * limits.pictureBytes)]);
    await expect(upload(large)).rejects.toMatchObject({ status: 413, code: 'picture_too_large' });
    await expect(upload(png, 'x.png', 'other')).rejects.toMatchObject({ code: 'invalid' });
    await expect(http.post('/api/pictures', { picture: 'x' })).rejects.toMatchObject({
      ...{ status: 415, code: 'wrong_content_type' },
    });
    expect(await files()).toBe(before);
  });

  check('rate limit: a flood is refused with a time to wait, the rest is stored', async () => {
    const [ann, bob, conversation] = await friends();
    const headers = { Authorization: `Bearer ${ann.client.token}` };
    const socket = await openClient(im.socketPort, '/', { headers });
    onTestFinished(() => socket.terminate());
    const said = () => socket.messages.map((data): ServerMessage => JSON.parse(String(data)));
    const answers = () => said().filter(({ type }) => type === 'sent' || type === 'refused');
    const refusals = () => answers().filter((answer) => answer.type === 'refused');
    // On a slow machine the rate limit may allow all of the first messages.
    for (let count = 0; refusals().length === 0; ) {
      if (count === 600) throw new Error('none of 600 messages was refused');
      for (const end = count + 60; count < end; count += 1) {
        const content = { kind: 'text', text: `${count}` };
        const message = { conversationId: conversation, clientId: `f${count}`, content };
        socket.send(JSON.stringify({ type: 'send', ...message }));
      }
      await eventually(() => expect(answers()).toHaveLength(count));
    }
    const refused = refusals();
    for (const answer of refused) {
      expect(answer).toMatchObject({ error: 'too_fast', retryAfterMs: expect.any(Number) });
    }
    const sent = answers().flatMap((answer) => (answer.type === 'sent' ? [answer.clientId] : []));
    const history = await historyOf(bob, conversation);
    expect(history.map(({ clientId }) => clientId)).toEqual(sent);
    // The same over HTTP.
    const path = `/api/conversations/${conversation}/messages`;
    let [posted, stored] = [0, 0];
    while (posted === stored) {
      if (posted === 600) throw new Error('none of 600 posted messages was refused');
      const posts = Array.from({ length: 60 }, (_, index) =>
        ann.http.post<SendBody>(path, {
          clientId: `h${posted + index}`,
          content: { kind: 'text', text: 'x' },
        }),
      );
      const outcomes = await Promise.allSettled(posts);
      posted += outcomes.length;
      stored += outcomes.filter(({ status }) => status === 'fulfilled').length;
    }
    expect(await conversationOf(bob, conversation)).toMatchObject({
      lastSeq: sent.length + stored,
    });
  });

  check(
    'presence: friends see online and offline over several devices, others do not',
    async () => {
      const [ann, bob, conversation] = await friends();
      const eve = await connect();
      const presences = () =>
        bob.received.filter((said) => said.type === 'presence' && said.userId === ann.id);
      const tablet = await connect(ann.client.me.name);
      ann.client.transmit({ type: 'typing', conversationId: conversation });
      const typing = { type: 'typing', conversationId: conversation, userId: ann.id };
      await eventually(() => expect(bob.received).toContainEqual(typing));
      expect(ann.received).not.toContainEqual(typing);
      await ann.client.close();
      const friendsOf = async () => (await bob.http.get<RelationsBody>('/api/friends')).friends;
      expect(await friendsOf()).toMatchObject([{ id: ann.id, online: true, lastSeenAt: null }]);
      const before = Date.now();
      await tablet.client.close();
      await eventually(() =>
        expect(presences().at(-1)).toEqual({
          ...{ type: 'presence', userId: ann.id, online: false, lastSeenAt: expect.any(Number) },
        }),
      );
      const [friend] = await friendsOf();
      expect(friend).toMatchObject({ online: false });
      expect(friend?.lastSeenAt).toBeGreaterThanOrEqual(before - 1000);
      await connect(ann.client.me.name);
      await eventually(() =>
        expect(presences().at(-1)).toMatchObject({ online: true, lastSeenAt: null }),
      );
      expect(eve.received.filter(({ type }) => type === 'presence')).toEqual([]);
    },
  );
});

/** An upload like that of the page. */
function form(bytes: Buffer, name: string, field = 'picture'): FormData {
  const data = new FormData();
  data.append(field, new Blob([new Uint8Array(bytes)], { type: 'image/png' }), name);
  return data;
}
