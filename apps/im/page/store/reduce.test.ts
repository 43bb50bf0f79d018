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

test('a conversation begins with its newest message, and older ones can be asked for', () => {
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

test('messages are shown once, in order, whatever comes twice or too early', () => {
  const state = run(loaded, heard(5), heard(4), heard(4), heard(5), heard(3));
  expect(shownTexts(state)).toEqual(['Line 3', 'Line 4', 'Line 5']);
});

test('a message of mine is shown at once, and stored in its place without being shown twice', () => {
  const written = run(loaded, { type: 'written', outgoing: outgoing('a1') });
  expect(written.outbox).toHaveLength(1);
  const mine = heard(4, { senderId: ada.id, clientId: 'a1' });
  // The message itself comes before the answer.
  expect(run(written, mine).outbox).toEqual([]);
  const stored = run(written, mine, said({ type: 'sent', ...answer('a1'), ...stamp(4) }));
  expect(stored.outbox).toEqual([]);
  expect(shownTexts(stored)).toEqual(['Line 3', 'Line 4']);
});

test('a message of somebody else with the same client id leaves mine waiting', () => {
  const written = run(loaded, { type: 'written', outgoing: outgoing('a1') });
  expect(run(written, heard(4, { clientId: 'a1' })).outbox).toHaveLength(1);
});

test('a message that is stored behind a gap is shown as mine until the gap is closed', () => {
  const written = run(loaded, { type: 'written', outgoing: outgoing('a1') });
  const sent = run(written, said({ type: 'sent', ...answer('a1'), ...stamp(6) }));
  expect(sent.outbox).toMatchObject([{ clientId: 'a1', seq: 6 }]);
  const page = [...messages(4, 5), message(6, { senderId: ada.id, clientId: 'a1' })];
  const caught = run(sent, { type: 'newer', conversationId: '10', messages: page, users: [] });
  expect(caught.outbox).toEqual([]);
  expect(shownTexts(caught)).toEqual(['Line 3', 'Line 4', 'Line 5', 'Line 6']);
});

test('a repeated answer to a message that is far back ends its waiting', () => {
  const written = run(loaded, { type: 'written', outgoing: outgoing('a1') });
  expect(run(written, said({ type: 'sent', ...answer('a1'), ...stamp(2) })).outbox).toEqual([]);
});

test('what is refused for good has failed, and what may be tried again waits and says why', () => {
  const written = run(loaded, { type: 'written', outgoing: outgoing('a1') });
  const refuse = (error: 'blocked' | 'too_fast') =>
    run(written, said({ type: 'refused', ...answer('a1'), error, message: 'No.' })).outbox;
  expect(refuse('blocked')).toMatchObject([{ status: 'failed', problem: { code: 'blocked' } }]);
  expect(refuse('too_fast')).toMatchObject([{ status: 'sending', problem: { code: 'too_fast' } }]);
});

test('unread are the messages of others behind what was read; notices and mine are not', () => {
  const notice = { kind: 'notice', notice: { event: 'joined' } } as const;
  const state = run(
    loaded,
    heard(4),
    heard(5, { content: notice }),
    heard(6, { senderId: ada.id }),
    heard(7),
  );
  expect(countUnread(state)).toBe(2);
  const seen = run(state, { type: 'seen', conversationId: '10', seq: 7 });
  expect(countUnread(seen)).toBe(0);
  expect(countUnread(run(seen, heard(8)))).toBe(1);
});

test('what was read on another device is read here, and what came since is not', () => {
  const state = run(loaded, heard(4), heard(5));
  const read = said({ type: 'unread', conversationId: '10', readSeq: 4, unread: 0 });
  expect(countUnread(run(state, read))).toBe(1);
  // Late, from before: it is passed over.
  const late = said({ type: 'unread', conversationId: '10', readSeq: 2, unread: 3 });
  expect(countUnread(run(state, read, late))).toBe(1);
});

test('unread messages that are not loaded are counted by the server, and new ones with them', () => {
  const behind = conversation(50, { readSeq: 10, unread: 40 });
  const state = run(createState(ada, '5'), {
    type: 'conversations',
    conversations: [behind],
    users,
  });
  expect(countUnread(run(state, heard(51)))).toBe(41);
  // Fetched again, the server has counted it already.
  const fetched = conversation(51, { readSeq: 10, unread: 41 });
  const again = run(state, { type: 'conversations', conversations: [fetched], users });
  expect(countUnread(run(again, heard(51)))).toBe(41);
});

test('marks only rise, whatever comes late', () => {
  const mark = (deliveredSeq: number, readSeq: number) =>
    said({
      type: 'marks',
      conversationId: '10',
      marks: [{ userId: grace.id, deliveredSeq, readSeq }],
    });
  const mine = message(4, { senderId: ada.id });
  const state = run(loaded, heard(4, { senderId: ada.id }));
  const progress = (next: State) => progressOf(chatOf(next).conversation, mine);
  expect(progress(state)).toBe('sent');
  expect(progress(run(state, mark(4, 0)))).toBe('delivered');
  expect(progress(run(state, mark(4, 4), mark(2, 0)))).toBe('read');
  const stale = { type: 'conversation', conversation: conversation(3), users } as const;
  expect(progress(run(state, mark(4, 4), stale))).toBe('read');
});

test('a list that was fetched before a message came takes nothing back', () => {
  const state = run(loaded, heard(4), {
    type: 'conversations',
    conversations: [conversation(3)],
    users,
  });
  expect(shownTexts(state)).toEqual(['Line 3', 'Line 4']);
  expect(countUnread(state)).toBe(1);
});

test('a conversation that is no longer listed is gone, and what waits in it once it is refused', () => {
  const written = run(loaded, { type: 'written', outgoing: outgoing('a1') });
  const state = run(written, { type: 'conversations', conversations: [], users: [] });
  expect(state.chats.size).toBe(0);
  expect(state.outbox).toHaveLength(1);
  const reason = { error: 'conversation_unknown', message: 'There is none.' } as const;
  const refused = said({ type: 'refused', ...answer('a1'), ...reason });
  expect(run(state, refused).outbox).toEqual([]);
  expect(run(written, refused).outbox).toMatchObject([{ status: 'failed' }]);
});

test('a conversation that somebody leaves is gone, with what waits in it', () => {
  const written = run(loaded, { type: 'written', outgoing: outgoing('a1') });
  const state = run(written, { type: 'gone', conversationId: '10' });
  expect(state.chats.size).toBe(0);
  expect(state.outbox).toEqual([]);
});

test('who comes back to a group sees nothing of what was before', () => {
  const state = run(loaded, {
    type: 'conversation',
    conversation: conversation(9, { firstSeq: 9 }),
    users,
  });
  expect(shownTexts(state)).toEqual(['Line 9']);
  expect(hasOlder(chatOf(state))).toBe(false);
});

test('somebody types until 5 s are over or their message is there', () => {
  const typing = (now: number) =>
    ({
      type: 'heard',
      message: { type: 'typing', conversationId: '10', userId: grace.id },
      now,
    }) as const;
  const state = run(loaded, typing(1000));
  expect(state.typing.get('10')?.has(grace.id)).toBe(true);
  expect(run(state, { type: 'tick', now: 5999 }).typing.size).toBe(1);
  expect(run(state, { type: 'tick', now: 6000 }).typing.size).toBe(0);
  expect(run(state, heard(4)).typing.size).toBe(0);
});

test('the list begins with the conversation in which something was said or written last', () => {
  const other = conversation(2, { id: '11', lastMessage: message(2, { conversationId: '11' }) });
  const state = run(loaded, { type: 'conversation', conversation: other, users });
  const ids = (next: State) => listChats(next).map((chat) => chat.conversation.id);
  expect(ids(state)).toEqual(['10', '11']);
  const written = outgoing('a1', { conversationId: '11', createdAt: 9_000_000 });
  expect(ids(run(state, { type: 'written', outgoing: written }))).toEqual(['11', '10']);
});

test('a conversation that is left keeps its newest messages, and its new ones are marked when it is opened', () => {
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

test('what a later server says and this page does not know changes nothing', () => {
  const unknown: ServerMessage = JSON.parse('{"type":"applause"}');
  expect(run(loaded, said(unknown))).toBe(loaded);
});

function run(state: State, ...actions: readonly Action[]): State {
  return actions.reduce(reduce, state);
}

function said(server: ServerMessage): Action {
  return { type: 'heard', message: server, now: 0 };
}

function heard(seq: number, more: Parameters<typeof message>[1] = {}): Action {
  return said({ type: 'message', message: message(seq, more), sender: grace });
}

function answer(clientId: string): { clientId: string; conversationId: string } {
  return { clientId, conversationId: '10' };
}

function stamp(seq: number): { id: string; seq: number; sentAt: number } {
  return { id: String(1000 + seq), seq, sentAt: 0 };
}

function chatOf(state: State) {
  const chat = state.chats.get('10');
  if (chat === undefined) throw new Error('the conversation is not there');
  return chat;
}

function shownTexts(state: State): string[] {
  return chatOf(state).history.messages.map(({ content }) =>
    content.kind === 'text' ? content.text : content.kind,
  );
}
