import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually, openClient } from '@gatewayworker/testing';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type {
  ConversationBody,
  InvitationBody,
  MessagesBody,
  RelationsBody,
} from '../../shared/http-api.ts';
import type { Message } from '../../shared/model.ts';
import type { ServerMessage } from '../../shared/socket-message.ts';
import { RequestError } from '../../src/client/http-client.ts';
import type { MessengerClient } from '../../src/client/messenger-client.ts';
import { databaseKinds } from '../databases.ts';
import { befriend, type ImCluster, openAccount, startIm } from '../im-cluster.ts';

interface Person {
  readonly client: MessengerClient;
  /** The displayed messages, in order. */
  readonly screen: Message[];
  readonly received: ServerMessage[];
}

let im: ImCluster;

beforeAll(async () => {
  const [sqlite] = databaseKinds;
  if (sqlite === undefined) throw new Error('there is no database');
  im = await startIm(sqlite);
});

afterAll(() => im?.dispose());

async function connect(): Promise<Person> {
  const [screen, received]: [Message[], ServerMessage[]] = [[], []];
  const client = await openAccount(im, undefined, {
    onMessage: (message) => screen.push(message),
    onServerMessage: (message) => received.push(message),
  });
  onTestFinished(() => client.close());
  await client.connect();
  return { client, screen, received };
}

/** Creates a group of connected users. */
async function createGroup(
  count: number,
): Promise<{ readonly people: Person[]; readonly id: string }> {
  const owner = await connect();
  const people = [owner];
  const { http } = owner.client;
  const { conversation } = await http.post<ConversationBody>('/api/groups', { name: 'All' });
  const { id } = conversation;
  const { code } = await http.post<InvitationBody>(`/api/groups/${id}/invitations`);
  while (people.length < count) {
    const person = await connect();
    await person.client.http.post(`/api/invitations/${code}/join`);
    people.push(person);
  }
  return { people, id };
}

/** Sends one message over HTTP, with retries until it is answered. */
async function post({ client }: Person, conversationId: string, text: string): Promise<void> {
  const body = { clientId: randomUUID(), content: { kind: 'text', text } };
  const attempt = () =>
    client.http.post(`/api/conversations/${conversationId}/messages`, body).then(
      () => true,
      (error: unknown) => {
        // An error response is final unless it is retryable; without a response the request is repeated.
        if (error instanceof RequestError && error.retryAfterMs === undefined) throw error;
        return false;
      },
    );
  await eventually(attempt, { timeoutMs: 120_000, intervalMs: 200 });
}

async function historyOf({ client }: Person, conversationId: string): Promise<Message[]> {
  const all: Message[] = [];
  for (;;) {
    const path = `/api/conversations/${conversationId}/messages`;
    const query = `?after=${all.at(-1)?.seq ?? 0}&limit=100`;
    const { messages, hasMore } = await client.http.get<MessagesBody>(path + query);
    all.push(...messages);
    if (!hasMore) return all;
  }
}

function textOf({ content }: Message): string {
  return content.kind === 'text' ? content.text : '';
}

/**
 * Sends messages of all users during a failure. Then checks that each message is stored once and displayed once to every
 * user, in the same order, and that the messages of one user keep their order.
 */
async function sendDuring(failure: () => Promise<void>): Promise<Person[]> {
  const { people, id } = await createGroup(4);
  let isDone = false;
  const sent: string[] = [];
  const keepSending = async (person: Person, index: number): Promise<void> => {
    for (let count = 0; count < 10 || !isDone; count += 1) {
      const text = `${index}-${count}`;
      sent.push(text);
      // The last user sends over HTTP.
      if (index === people.length - 1) await post(person, id, text);
      else {
        const answer = await person.client.send(id, { kind: 'text', text });
        expect(answer).toMatchObject({ type: 'sent' });
      }
      await new Promise((resolve) => setTimeout(resolve, 90));
    }
  };
  const sending = Promise.all(people.map(keepSending));
  const [first] = people;
  if (first === undefined) throw new Error('the group is empty');
  await eventually(() => first.screen.length > 8);
  await failure().finally(() => {
    isDone = true;
  });
  await sending;

  const history = (await historyOf(first, id)).filter(({ content }) => content.kind === 'text');
  const texts = history.map(textOf);
  expect([...texts].sort()).toEqual([...sent].sort());
  for (const index of people.keys()) {
    const own = texts.filter((text) => text.startsWith(`${index}-`));
    expect(own).toEqual(own.map((_, count) => `${index}-${count}`));
  }
  for (const { client, screen } of people) {
    // `sync`, which a page sends once a minute, finds messages that were stored but not delivered.
    client.transmit({ type: 'sync' });
    await eventually(
      () => expect(screen.filter(({ content }) => content.kind === 'text')).toEqual(history),
      { timeoutMs: 120_000 },
    );
  }
  return people;
}

test('im failures: a killed worker loses and duplicates no message', async () => {
  const people = await sendDuring(async () => {
    await im.killAndWait('im-worker', 0);
    await im.killAndWait('im-worker', 1);
  });
  // No client was disconnected.
  for (const { received } of people)
    expect(received.filter(({ type }) => type === 'ready')).toHaveLength(1);
});

test('im failures: a reload loses and duplicates no message', async () => {
  const pids = async () => [...(await im.pids('im-worker')), ...(await im.pids('im-http'))];
  const before = await pids();
  const people = await sendDuring(async () => {
    process.kill(im.cluster.pid, 'SIGUSR1');
    await eventually(
      async () => {
        const now = await pids();
        return now.length === before.length && now.every((pid) => !before.includes(pid));
      },
      { timeoutMs: 120_000 },
    );
  });
  for (const { received } of people)
    expect(received.filter(({ type }) => type === 'ready')).toHaveLength(1);
});

test('im failures: a killed HTTP process loses and duplicates no message', async () => {
  await sendDuring(() => im.killAndWait('im-http'));
});

test('im failures: a killed gateway loses and duplicates no message', async () => {
  const people = await sendDuring(async () => {
    await im.killAndWait('im-gateway', 0);
    await im.killAndWait('im-gateway', 1);
  });
  for (const { received } of people) {
    expect(received.filter(({ type }) => type === 'ready').length).toBeGreaterThan(1);
  }
});

test('im failures: after a gateway dies, presence is right for returned and lost users', async () => {
  const [watcher, other, lost] = [await connect(), await connect(), await connect()];
  for (const { client } of [other, lost]) await befriend(watcher.client, client);
  const lastPresence = ({ client }: Person) =>
    watcher.received.findLast((said) => said.type === 'presence' && said.userId === client.me.id);
  const friends = async () => {
    const relations = await watcher.client.http.get<RelationsBody>('/api/friends');
    return new Map(relations.friends.map((friend) => [friend.id, friend]));
  };
  // A device that does not reconnect.
  await lost.client.close();
  const headers = { Authorization: `Bearer ${lost.client.token}` };
  const socket = await openClient(im.socketPort, '/', { headers });
  onTestFinished(() => socket.terminate());
  await socket.next();
  expect((await friends()).get(lost.client.me.id)).toMatchObject({ online: true });

  // Both gateways, one after the other, so that every user was on a killed one.
  for (const id of [0, 1]) await im.killAndWait('im-gateway', id);
  await eventually(() => watcher.client.isReady && other.client.isReady);
  await eventually(async () => {
    const seen = await friends();
    expect(seen.get(other.client.me.id)).toMatchObject({ online: true, lastSeenAt: null });
    return expect(seen.get(lost.client.me.id)).toMatchObject({
      ...{ online: false, lastSeenAt: expect.any(Number) },
    });
  });
  // Earlier notifications may be wrong; the last one must be right.
  await eventually(() => expect(lastPresence(lost)).toMatchObject({ online: false }));
  await eventually(() => expect(lastPresence(other)).toMatchObject({ online: true }));
});

test('im load script: reports no lost, duplicated or reordered message', async () => {
  const args = ['--users', '10', '--seconds', '1', '--rate', '60', '--address', im.address];
  const script = fileURLToPath(new URL('../../dist/server/load.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args]);
  expect(stdout).toContain('connected: 10\n');
  // The number of messages depends on the machine.
  expect(stdout).toMatch(/^sent (\d+), stored \1, refused 0, shown \d+ times$/m);
  expect(stdout).toMatch(/^lost 0, duplicated 0, reordered 0, late \d+$/m);
  await expect(
    promisify(execFile)(process.execPath, [script, '--users', 'many']),
  ).rejects.toMatchObject({
    ...{ code: 2, stderr: expect.stringContaining("--users is 'many'") },
  });
});
