import { setTimeout as sleep } from 'node:timers/promises';
import type { ConversationBody, ConversationsBody, InvitationBody } from '../../shared/http-api.ts';
import type { Message } from '../../shared/model.ts';
import { type HttpClient, RequestError } from '../client/http-client.ts';
import { MessengerClient } from '../client/messenger-client.ts';
import type { LoadOptions } from './load-options.ts';

/** Concurrent requests during the preparation. */
const concurrency = 32;

/** A conversation that a user sends to. */
export interface Target {
  readonly conversationId: string;
  /** Numbers of the receiving users. */
  readonly audience: readonly number[];
}

/** A simulated user with a connection. */
export interface VirtualUser {
  readonly number: number;
  readonly client: MessengerClient;
  readonly targets: Target[];
}

/** Callbacks of the preparation and of the load. */
export interface PopulationEvents {
  onMessage(user: number, message: Message): void;
  onDisorder(kind: 'repeated' | 'early'): void;
  onProgress(what: string, done: number): void;
}

/** Creates the accounts, or reuses those of an earlier run. Each user is connected, has a friend and is in a group. */
export async function populate(
  options: LoadOptions,
  events: PopulationEvents,
): Promise<VirtualUser[]> {
  const numbers = Array.from({ length: options.users }, (_, number) => number);
  const users = await each('logged in', numbers, events, async (number) => {
    const name = `${options.name}-${number}`;
    const client = await withRetries(() =>
      MessengerClient.registerOrLogIn(
        options.address,
        { name, password: `${name}-${name}` },
        {
          onMessage: (message) => events.onMessage(number, message),
          onDisorder: events.onDisorder,
        },
      ),
    );
    return { number, client, targets: [] };
  });
  const pairs = rows(users, 2).filter(({ length }) => length === 2);
  await each('pairs of friends', pairs, events, (pair) => befriend(pair));
  const groups = rows(users, options.groupSize).filter(({ length }) => length > 1);
  await each('groups', groups, events, (group) => join(group, `${options.name} group`));
  await each('connected', users, events, ({ client }) => withRetries(() => client.connect()));
  return users;
}

async function befriend([one, other]: readonly VirtualUser[]): Promise<void> {
  if (one === undefined || other === undefined) return;
  const known = await conversationsOf(one.client.http);
  let id = known.find(
    ({ kind, members }) =>
      kind === 'direct' && members.some(({ userId }) => userId === other.client.me.id),
  )?.id;
  if (id === undefined) {
    const { http, me } = other.client;
    await withRetries(() => one.client.http.post('/api/friend-requests', { userId: me.id }));
    const path = `/api/friend-requests/${one.client.me.id}/accept`;
    id = (await withRetries(() => http.post<ConversationBody>(path))).conversation.id;
  }
  addTarget([one, other], id);
}

async function join(group: readonly VirtualUser[], name: string): Promise<void> {
  const [owner] = group;
  if (owner === undefined) return;
  const { http } = owner.client;
  const ids = group.map(({ client }) => client.me.id);
  // Reuses the group of an earlier run if it has the same members.
  let id = (await conversationsOf(http)).find(
    (conversation) =>
      conversation.name === name &&
      conversation.members.length === ids.length &&
      conversation.members.every(({ userId }) => ids.includes(userId)),
  )?.id;
  if (id === undefined) {
    const { conversation } = await withRetries(() =>
      http.post<ConversationBody>('/api/groups', { name }),
    );
    id = conversation.id;
    const path = `/api/groups/${id}/invitations`;
    const { code } = await withRetries(() => http.post<InvitationBody>(path));
    for (const { client } of group.slice(1)) {
      await withRetries(() => client.http.post(`/api/invitations/${code}/join`));
    }
  }
  addTarget(group, id);
}

function addTarget(users: readonly VirtualUser[], conversationId: string): void {
  const audience = users.map(({ number }) => number);
  for (const { targets } of users) targets.push({ conversationId, audience });
}

async function conversationsOf(http: HttpClient): Promise<ConversationsBody['conversations']> {
  const { conversations } = await withRetries(() =>
    http.get<ConversationsBody>('/api/conversations'),
  );
  return conversations;
}

/** Retries a request after the time that the server returns with `too_fast` or `busy`. */
async function withRetries<T>(request: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      const waitMs = error instanceof RequestError ? error.retryAfterMs : undefined;
      if (waitMs === undefined || attempt === 100) throw error;
      await sleep(waitMs * (1 + Math.random()));
    }
  }
}

/** Maps a list with bounded concurrency, and reports the progress. */
async function each<Item, Result>(
  what: string,
  items: readonly Item[],
  { onProgress }: PopulationEvents,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  let done = 0;
  const runWorker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) results[index] = await work(item);
      done += 1;
      if (done % 100 === 0 || done === items.length) onProgress(what, done);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, runWorker));
  return results;
}

function rows<Item>(items: readonly Item[], length: number): Item[][] {
  const count = Math.ceil(items.length / length);
  return Array.from({ length: count }, (_, row) => items.slice(row * length, (row + 1) * length));
}
