import { setTimeout as sleep } from 'node:timers/promises';
import type { ConversationBody, ConversationsBody, InvitationBody } from '../../shared/http-api.ts';
import type { Message } from '../../shared/model.ts';
import { type HttpClient, RequestError } from '../client/http-client.ts';
import { MessengerClient } from '../client/messenger-client.ts';
import type { LoadOptions } from './load-options.ts';

/** Requests under way at once while people come. */
const hands = 32;

/** Where somebody can write to, and who reads it. */
export interface Place {
  readonly conversationId: string;
  /** Numbers of the people. */
  readonly audience: readonly number[];
}

/** One of the people, with a connection. */
export interface Talker {
  readonly number: number;
  readonly client: MessengerClient;
  readonly places: Place[];
}

/** What is told while people come and talk. */
export interface PopulationEvents {
  onMessage(person: number, message: Message): void;
  onDisorder(kind: 'repeated' | 'early'): void;
  onProgress(what: string, done: number): void;
}

/** Makes the accounts, unless an earlier run has; logs all of them in, each with a friend and in a group. */
export async function populate(options: LoadOptions, events: PopulationEvents): Promise<Talker[]> {
  const numbers = Array.from({ length: options.users }, (_, number) => number);
  const talkers = await each('logged in', numbers, events, async (number) => {
    const name = `${options.name}-${number}`;
    const client = await patiently(() =>
      MessengerClient.enter(
        options.address,
        { name, password: `${name}-${name}` },
        {
          onMessage: (message) => events.onMessage(number, message),
          onDisorder: events.onDisorder,
        },
      ),
    );
    return { number, client, places: [] };
  });
  const pairs = rows(talkers, 2).filter(({ length }) => length === 2);
  await each('pairs of friends', pairs, events, (pair) => befriend(pair));
  const groups = rows(talkers, options.groupSize).filter(({ length }) => length > 1);
  await each('groups', groups, events, (group) => join(group, `${options.name} group`));
  await each('connected', talkers, events, ({ client }) => patiently(() => client.connect()));
  return talkers;
}

async function befriend([one, other]: readonly Talker[]): Promise<void> {
  if (one === undefined || other === undefined) return;
  const known = await conversationsOf(one.client.http);
  let id = known.find(
    ({ kind, members }) =>
      kind === 'direct' && members.some(({ userId }) => userId === other.client.me.id),
  )?.id;
  if (id === undefined) {
    const { http, me } = other.client;
    await patiently(() => one.client.http.post('/api/friend-requests', { userId: me.id }));
    const path = `/api/friend-requests/${one.client.me.id}/accept`;
    id = (await patiently(() => http.post<ConversationBody>(path))).conversation.id;
  }
  settle([one, other], id);
}

async function join(group: readonly Talker[], name: string): Promise<void> {
  const [owner] = group;
  if (owner === undefined) return;
  const { http } = owner.client;
  const ids = group.map(({ client }) => client.me.id);
  // The same people as before, if the group is as large.
  let id = (await conversationsOf(http)).find(
    (conversation) =>
      conversation.name === name &&
      conversation.members.length === ids.length &&
      conversation.members.every(({ userId }) => ids.includes(userId)),
  )?.id;
  if (id === undefined) {
    const { conversation } = await patiently(() =>
      http.post<ConversationBody>('/api/groups', { name }),
    );
    id = conversation.id;
    const path = `/api/groups/${id}/invitations`;
    const { code } = await patiently(() => http.post<InvitationBody>(path));
    for (const { client } of group.slice(1)) {
      await patiently(() => client.http.post(`/api/invitations/${code}/join`));
    }
  }
  settle(group, id);
}

function settle(people: readonly Talker[], conversationId: string): void {
  const audience = people.map(({ number }) => number);
  for (const { places } of people) places.push({ conversationId, audience });
}

async function conversationsOf(http: HttpClient): Promise<ConversationsBody['conversations']> {
  const { conversations } = await patiently(() =>
    http.get<ConversationsBody>('/api/conversations'),
  );
  return conversations;
}

/** Does as the server says when it is asked too fast, or is busy. */
async function patiently<T>(request: () => Promise<T>): Promise<T> {
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

/** Goes through a list with several hands, and tells how far it is. */
async function each<Item, Result>(
  what: string,
  items: readonly Item[],
  { onProgress }: PopulationEvents,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  let done = 0;
  const hand = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) results[index] = await work(item);
      done += 1;
      if (done % 100 === 0 || done === items.length) onProgress(what, done);
    }
  };
  await Promise.all(Array.from({ length: hands }, hand));
  return results;
}

function rows<Item>(items: readonly Item[], length: number): Item[][] {
  const count = Math.ceil(items.length / length);
  return Array.from({ length: count }, (_, row) => items.slice(row * length, (row + 1) * length));
}
