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
import { befriend, enter, type ImCluster, startIm } from '../im-cluster.ts';

interface Person {
  readonly client: MessengerClient;
  /** What stands on their screen, in order. */
  readonly screen: Message[];
  readonly heard: ServerMessage[];
}

let im: ImCluster;

beforeAll(async () => {
  const [sqlite] = databaseKinds;
  if (sqlite === undefined) throw new Error('there is no database');
  im = await startIm(sqlite);
});

afterAll(() => im?.dispose());

async function come(): Promise<Person> {
  const [screen, heard]: [Message[], ServerMessage[]] = [[], []];
  const client = await enter(im, undefined, {
    onMessage: (message) => screen.push(message),
    onServerMessage: (message) => heard.push(message),
  });
  onTestFinished(() => client.close());
  await client.connect();
  return { client, screen, heard };
}

/** A group of people, who come to the gateways in turn. */
async function gather(count: number): Promise<{ readonly people: Person[]; readonly id: string }> {
  const owner = await come();
  const people = [owner];
  const { http } = owner.client;
  const { conversation } = await http.post<ConversationBody>('/api/groups', { name: 'All' });
  const { id } = conversation;
  const { code } = await http.post<InvitationBody>(`/api/groups/${id}/invitations`);
  while (people.length < count) {
    const person = await come();
    await person.client.http.post(`/api/invitations/${code}/join`);
    people.push(person);
  }
  return { people, id };
}

/** Sends one message over HTTP until it is answered, as a program does whose connection may be lost. */
async function post({ client }: Person, conversationId: string, text: string): Promise<void> {
  const body = { clientId: randomUUID(), content: { kind: 'text', text } };
  const attempt = () =>
    client.http.post(`/api/conversations/${conversationId}/messages`, body).then(
      () => true,
      (error: unknown) => {
        // What the server says is final unless it says "later"; what it does not say is asked again.
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
 * Has everybody talk while something happens, and then checks that each message is stored once, stands on every screen
 * once and in the same order, and that those of one person are in the order in which they were sent.
 */
async function talkDuring(happening: () => Promise<void>): Promise<Person[]> {
  const { people, id } = await gather(4);
  let isOver = false;
  const said: string[] = [];
  const talk = async (person: Person, index: number): Promise<void> => {
    for (let count = 0; count < 10 || !isOver; count += 1) {
      const text = `${index}-${count}`;
      said.push(text);
      // The last one is a program that posts.
      if (index === people.length - 1) await post(person, id, text);
      else {
        const answer = await person.client.send(id, { kind: 'text', text });
        expect(answer).toMatchObject({ type: 'sent' });
      }
      await new Promise((resolve) => setTimeout(resolve, 90));
    }
  };
  const talks = Promise.all(people.map(talk));
  const [first] = people;
  if (first === undefined) throw new Error('nobody is there');
  await eventually(() => first.screen.length > 8);
  await happening().finally(() => {
    isOver = true;
  });
  await talks;

  const history = (await historyOf(first, id)).filter(({ content }) => content.kind === 'text');
  const texts = history.map(textOf);
  expect([...texts].sort()).toEqual([...said].sort());
  for (const index of people.keys()) {
    const own = texts.filter((text) => text.startsWith(`${index}-`));
    expect(own).toEqual(own.map((_, count) => `${index}-${count}`));
  }
  for (const { client, screen } of people) {
    // What was stored but not delivered is found by a `sync`, which a page says once a minute.
    client.say({ type: 'sync' });
    await eventually(
      () => expect(screen.filter(({ content }) => content.kind === 'text')).toEqual(history),
      { timeoutMs: 120_000 },
    );
  }
  return people;
}

test('a worker that is killed while people talk loses and doubles nothing', async () => {
  const people = await talkDuring(async () => {
    await im.killAndWait('im-worker', 0);
    await im.killAndWait('im-worker', 1);
  });
  // Nobody was disconnected.
  for (const { heard } of people)
    expect(heard.filter(({ type }) => type === 'ready')).toHaveLength(1);
});

test('a reload while people talk loses and doubles nothing', async () => {
  const pids = async () => [...(await im.pids('im-worker')), ...(await im.pids('im-http'))];
  const before = await pids();
  const people = await talkDuring(async () => {
    process.kill(im.cluster.pid, 'SIGUSR1');
    await eventually(
      async () => {
        const now = await pids();
        return now.length === before.length && now.every((pid) => !before.includes(pid));
      },
      { timeoutMs: 120_000 },
    );
  });
  for (const { heard } of people)
    expect(heard.filter(({ type }) => type === 'ready')).toHaveLength(1);
});

test('an HTTP process that is killed while people talk loses and doubles nothing', async () => {
  await talkDuring(() => im.killAndWait('im-http'));
});

test('a gateway that is killed while people talk loses and doubles nothing', async () => {
  const people = await talkDuring(async () => {
    await im.killAndWait('im-gateway', 0);
    await im.killAndWait('im-gateway', 1);
  });
  for (const { heard } of people) {
    expect(heard.filter(({ type }) => type === 'ready').length).toBeGreaterThan(1);
  }
});

test('when a gateway dies, who comes back is online, and who does not is offline', async () => {
  const [watcher, other, lost] = [await come(), await come(), await come()];
  for (const { client } of [other, lost]) await befriend(watcher.client, client);
  const lastTold = ({ client }: Person) =>
    watcher.heard.findLast((said) => said.type === 'presence' && said.userId === client.me.id);
  const friends = async () => {
    const relations = await watcher.client.http.get<RelationsBody>('/api/friends');
    return new Map(relations.friends.map((friend) => [friend.id, friend]));
  };
  // A device that does not come back by itself.
  await lost.client.close();
  const headers = { Authorization: `Bearer ${lost.client.token}` };
  const socket = await openClient(im.socketPort, '/', { headers });
  onTestFinished(() => socket.terminate());
  await socket.next();
  expect((await friends()).get(lost.client.me.id)).toMatchObject({ online: true });

  // Both, one after the other: so everybody was on one that died.
  for (const id of [0, 1]) await im.killAndWait('im-gateway', id);
  await eventually(() => watcher.client.isReady && other.client.isReady);
  await eventually(async () => {
    const seen = await friends();
    expect(seen.get(other.client.me.id)).toMatchObject({ online: true, lastSeenAt: null });
    return expect(seen.get(lost.client.me.id)).toMatchObject({
      ...{ online: false, lastSeenAt: expect.any(Number) },
    });
  });
  // Whatever the watcher was told meanwhile, the last word is right.
  await eventually(() => expect(lastTold(lost)).toMatchObject({ online: false }));
  await eventually(() => expect(lastTold(other)).toMatchObject({ online: true }));
});

test('the load script finds nothing lost, doubled or reordered', async () => {
  const args = ['--users', '10', '--seconds', '1', '--rate', '60', '--address', im.address];
  const script = fileURLToPath(new URL('../../dist/server/load.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args]);
  expect(stdout).toContain('connected: 10\n');
  // How many are said in a second is the machine's business.
  expect(stdout).toMatch(/^said (\d+), stored \1, refused 0, seen \d+ times$/m);
  expect(stdout).toMatch(/^lost 0, doubled 0, reordered 0, late \d+$/m);
  await expect(
    promisify(execFile)(process.execPath, [script, '--users', 'many']),
  ).rejects.toMatchObject({
    ...{ code: 2, stderr: expect.stringContaining("--users is 'many'") },
  });
});
