import { expect, test } from 'vitest';
import type { ServerMessage } from '../../shared/socket-message.ts';
import type { Action } from './action.ts';
import { reduce } from './reduce.ts';
import { ada, conversation, grace, message, messages, outgoing } from './samples.fixture.ts';
import { countUnread, hasOlder, listChats, progressOf } from './select.ts';
import { createState, type State } from './state.ts';

const users = [ada, grace];
const loaded = run(createState(ada, '5'), {
  type: 'conversations',
  conversations: [conversation(3)],
  users,
});

test('store: a conversation starts with its newest message, older ones can be loaded', () => {
  expect(shownTexts(loaded)).toEqual(['Line 3']);
  expect(hasOlder(chatOf(loaded))).toBe(true);
  const older = run(loaded, {
    type: 'older',
    conversationId: '10',
    messages: messages(1, 2),
    users: [],
  });
  expect(shownTexts(older)).toEqual(['Line 1', 'Line 2', 'Line 3']);
  expect(hasOlder(chatOf(older))).toBe(false);
});

test('store: repeated and early messages are shown once, in order', () => {
  const state = run(
    loaded,
    messageAction(5),
    messageAction(4),
    messageAction(4),
    messageAction(5),
    messageAction(3),
  );
  expect(shownTexts(state)).toEqual(['Line 3', 'Line 4', 'Line 5']);
});

test('store: an own message is shown at once, and only once after it is stored', () => {
  const written = run(loaded, { type: 'outgoing-added', outgoing: outgoing('a1') });
  expect(written.outbox).toHaveLength(1);
  const mine = messageAction(4, { senderId: ada.id, clientId: 'a1' });
  // The message itself arrives before the answer.
  expect(run(written, mine).outbox).toEqual([]);
  const stored = run(written, mine, fromServer({ type: 'sent', ...answer('a1'), ...stamp(4) }));
  expect(stored.outbox).toEqual([]);
  expect(shownTexts(stored)).toEqual(['Line 3', 'Line 4']);
});

test('store: a message of another user with the same client id is no answer', () => {
  const written = run(loaded, { type: 'outgoing-added', outgoing: outgoing('a1') });
  expect(run(written, messageAction(4, { clientId: 'a1' })).outbox).toHaveLength(1);
});

test('store: an own message stored after a gap stays in the outbox until it closes', () => {
  const written = run(loaded, { type: 'outgoing-added', outgoing: outgoing('a1') });
  const sent = run(written, fromServer({ type: 'sent', ...answer('a1'), ...stamp(6) }));
  expect(sent.outbox).toMatchObject([{ clientId: 'a1', seq: 6 }]);
  const page = [...messages(4, 5), message(6, { senderId: ada.id, clientId: 'a1' })];
  const caught = run(sent, { type: 'newer', conversationId: '10', messages: page, users: [] });
  expect(caught.outbox).toEqual([]);
  expect(shownTexts(caught)).toEqual(['Line 3', 'Line 4', 'Line 5', 'Line 6']);
});

test('store: a repeated answer for an old message removes it from the outbox', () => {
  const written = run(loaded, { type: 'outgoing-added', outgoing: outgoing('a1') });
  expect(run(written, fromServer({ type: 'sent', ...answer('a1'), ...stamp(2) })).outbox).toEqual(
    [],
  );
});

test('store: a final refusal fails the message, a temporary one keeps it waiting', () => {
  const written = run(loaded, { type: 'outgoing-added', outgoing: outgoing('a1') });
  const refuse = (error: 'blocked' | 'too_fast') =>
    run(written, fromServer({ type: 'refused', ...answer('a1'), error, message: 'No.' })).outbox;
  expect(refuse('blocked')).toMatchObject([{ status: 'failed', problem: { code: 'blocked' } }]);
  expect(refuse('too_fast')).toMatchObject([{ status: 'sending', problem: { code: 'too_fast' } }]);
});

test('store: unread counts messages of others, without notices and own ones', () => {
  const notice = { kind: 'notice', notice: { event: 'joined' } } as const;
  const state = run(
    loaded,
    messageAction(4),
    messageAction(5, { content: notice }),
    messageAction(6, { senderId: ada.id }),
    messageAction(7),
  );
  expect(countUnread(state)).toBe(2);
  const seen = run(state, { type: 'seen', conversationId: '10', seq: 7 });
  expect(countUnread(seen)).toBe(0);
  expect(countUnread(run(seen, messageAction(8)))).toBe(1);
});

test('store: reading on another device updates the unread count', () => {
  const state = run(loaded, messageAction(4), messageAction(5));
  const read = fromServer({ type: 'unread', conversationId: '10', readSeq: 4, unread: 0 });
  expect(countUnread(run(state, read))).toBe(1);
  // An outdated one is ignored.
  const late = fromServer({ type: 'unread', conversationId: '10', readSeq: 2, unread: 3 });
  expect(countUnread(run(state, read, late))).toBe(1);
});

test('store: the unread count of the server is increased by new messages', () => {
  const behind = conversation(50, { readSeq: 10, unread: 40 });
  const state = run(createState(ada, '5'), {
    type: 'conversations',
    conversations: [behind],
    users,
  });
  expect(countUnread(run(state, messageAction(51)))).toBe(41);
  // After a fetch the count of the server includes it.
  const fetched = conversation(51, { readSeq: 10, unread: 41 });
  const again = run(state, { type: 'conversations', conversations: [fetched], users });
  expect(countUnread(run(again, messageAction(51)))).toBe(41);
});

test('store: marks never decrease, also with outdated updates', () => {
  const mark = (deliveredSeq: number, readSeq: number) =>
    fromServer({
      type: 'marks',
      conversationId: '10',
      marks: [{ userId: grace.id, deliveredSeq, readSeq }],
    });
  const mine = message(4, { senderId: ada.id });
  const state = run(loaded, messageAction(4, { senderId: ada.id }));
  const progress = (next: State) => progressOf(chatOf(next).conversation, mine);
  expect(progress(state)).toBe('sent');
  expect(progress(run(state, mark(4, 0)))).toBe('delivered');
  expect(progress(run(state, mark(4, 4), mark(2, 0)))).toBe('read');
  const stale = { type: 'conversation', conversation: conversation(3), users } as const;
  expect(progress(run(state, mark(4, 4), stale))).toBe('read');
});

test('store: an outdated list removes no message', () => {
  const state = run(loaded, messageAction(4), {
    type: 'conversations',
    conversations: [conversation(3)],
    users,
  });
  expect(shownTexts(state)).toEqual(['Line 3', 'Line 4']);
  expect(countUnread(state)).toBe(1);
});

test('store: an unlisted conversation is removed, its outbox after a refusal', () => {
  const written = run(loaded, { type: 'outgoing-added', outgoing: outgoing('a1') });
  const state = run(written, { type: 'conversations', conversations: [], users: [] });
  expect(state.chats.size).toBe(0);
  expect(state.outbox).toHaveLength(1);
  const reason = { error: 'conversation_unknown', message: 'There is none.' } as const;
  const refused = fromServer({ type: 'refused', ...answer('a1'), ...reason });
  expect(run(state, refused).outbox).toEqual([]);
  expect(run(written, refused).outbox).toMatchObject([{ status: 'failed' }]);
});

test('store: leaving a conversation removes it and its outbox', () => {
  const written = run(loaded, { type: 'outgoing-added', outgoing: outgoing('a1') });
  const state = run(written, { type: 'gone', conversationId: '10' });
  expect(state.chats.size).toBe(0);
  expect(state.outbox).toEqual([]);
});

test('store: after joining a group again, old messages are not shown', () => {
  const state = run(loaded, {
    type: 'conversation',
    conversation: conversation(9, { firstSeq: 9 }),
    users,
  });
  expect(shownTexts(state)).toEqual(['Line 9']);
  expect(hasOlder(chatOf(state))).toBe(false);
});

test('store: typing expires after 5 s or with the next message', () => {
  const typing = (now: number) =>
    ({
      type: 'server-message',
      message: { type: 'typing', conversationId: '10', userId: grace.id },
      now,
    }) as const;
  const state = run(loaded, typing(1000));
  expect(state.typing.get('10')?.has(grace.id)).toBe(true);
  expect(run(state, { type: 'tick', now: 5999 }).typing.size).toBe(1);
  expect(run(state, { type: 'tick', now: 6000 }).typing.size).toBe(0);
  expect(run(state, messageAction(4)).typing.size).toBe(0);
});

test('store: the list is sorted by the newest stored or unsent message', () => {
  const other = conversation(2, { id: '11', lastMessage: message(2, { conversationId: '11' }) });
  const state = run(loaded, { type: 'conversation', conversation: other, users });
  const ids = (next: State) => listChats(next).map((chat) => chat.conversation.id);
  expect(ids(state)).toEqual(['10', '11']);
  const written = outgoing('a1', { conversationId: '11', createdAt: 9_000_000 });
  expect(ids(run(state, { type: 'outgoing-added', outgoing: written }))).toEqual(['11', '10']);
});

test('store: a closed conversation keeps its newest messages; opening marks new ones', () => {
  const full = run(
    loaded,
    { type: 'newer', conversationId: '10', messages: messages(4, 200), users: [] },
    { type: 'selected', conversationId: '10' },
  );
  expect(full.newFrom).toBe(3);
  expect(chatOf(full).history.messages).toHaveLength(198);
  const left = run(full, { type: 'selected', conversationId: null });
  expect(chatOf(left).history.messages).toHaveLength(60);
  expect(chatOf(left).history.have).toBe(200);
});

test('store: an unknown message type changes nothing', () => {
  const unknown: ServerMessage = JSON.parse('{"type":"applause"}');
  expect(run(loaded, fromServer(unknown))).toBe(loaded);
});

function run(state: State, ...actions: readonly Action[]): State {
  return actions.reduce(reduce, state);
}

function fromServer(server: ServerMessage): Action {
  return { type: 'server-message', message: server, now: 0 };
}

function messageAction(seq: number, more: Parameters<typeof message>[1] = {}): Action {
  return fromServer({ type: 'message', message: message(seq, more), sender: grace });
}

function answer(clientId: string): { clientId: string; conversationId: string } {
  return { clientId, conversationId: '10' };
}

function stamp(seq: number): { id: string; seq: number; sentAt: number } {
  return { id: String(1000 + seq), seq, sentAt: 0 };
}

function chatOf(state: State) {
  const chat = state.chats.get('10');
  if (chat === undefined) throw new Error('the conversation is not loaded');
  return chat;
}

function shownTexts(state: State): string[] {
  return chatOf(state).history.messages.map(({ content }) =>
    content.kind === 'text' ? content.text : content.kind,
  );
}
