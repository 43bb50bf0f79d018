import type { Conversation, Id, Relations, User } from '../../shared/model.ts';
import type { Action } from './action.ts';
import { changeChat, withoutOutgoing, withUsers } from './change.ts';
import { createChat, updateChat, withNewer, withRead } from './chat.ts';
import { type History, placeNewer, placeOlder, restart, trim } from './history.ts';
import { changeOutgoing, withoutStored } from './outbox.ts';
import { reduceServerMessage } from './reduce-server-message.ts';
import type { State } from './state.ts';
import { expireTyping } from './typing.ts';

/** Number of messages that are kept after a conversation is closed. */
const keptMessages = 60;

/** Returns the state after an action. A pure function. */
export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'connection':
      return { ...state, connection: action.connection };
    case 'me':
      return { ...state, me: action.me, users: withUsers(state.users, [action.me]) };
    case 'relations':
      return withRelations(state, action.relations);
    case 'devices':
      return { ...state, devices: action.devices };
    case 'conversations':
      return withConversations(state, action.conversations, action.users);
    case 'conversation':
      return withConversation(
        { ...state, users: withUsers(state.users, action.users) },
        action.conversation,
      );
    case 'gone':
      return withoutChat(
        withoutOutgoing(state, (one) => one.conversationId === action.conversationId),
        action.conversationId,
      );
    case 'server-message':
      return reduceServerMessage(state, action.message, action.now);
    case 'older-requested':
      return changeChat(state, action.conversationId, (chat) => ({ ...chat, older: 'loading' }));
    case 'older-failed':
      return changeChat(state, action.conversationId, (chat) => ({ ...chat, older: 'failed' }));
    case 'older':
    case 'newer':
    case 'newest':
      return withPage(state, action);
    case 'outgoing-added':
      return { ...state, outbox: [...state.outbox, action.outgoing] };
    case 'outgoing':
      return { ...state, outbox: changeOutgoing(state.outbox, action.clientId, action.change) };
    case 'discarded':
      return withoutOutgoing(state, ({ clientId }) => clientId === action.clientId);
    case 'selected':
      return select(state, action.conversationId);
    case 'seen':
      return changeChat(state, action.conversationId, (chat) =>
        withRead(chat, { seq: action.seq, unread: 0 }, state.me.id),
      );
    case 'draft':
      return { ...state, drafts: withDraft(state.drafts, action.conversationId, action.text) };
    case 'tick':
      return { ...state, typing: expireTyping(state.typing, action.now) };
  }
}

function withRelations(state: State, relations: Relations): State {
  const { friends, received, sent, blocked } = relations;
  const requests = [...received, ...sent].map(({ user }) => user);
  const users = withUsers(state.users, [...friends, ...requests, ...blocked]);
  return { ...state, relations, users };
}

function withConversations(
  state: State,
  conversations: readonly Conversation[],
  users: readonly User[],
): State {
  const listed = new Set(conversations.map(({ id }) => id));
  const gone = [...state.chats.keys()].filter((id) => !listed.has(id));
  let next: State = { ...state, isLoaded: true, users: withUsers(state.users, users) };
  for (const id of gone) next = withoutChat(next, id);
  for (const conversation of conversations) next = withConversation(next, conversation);
  return next;
}

function withConversation(state: State, conversation: Conversation): State {
  const known = state.chats.get(conversation.id);
  // A user who has left and joined again does not see the old messages.
  const isSame = known !== undefined && known.conversation.firstSeq === conversation.firstSeq;
  const chat = isSame ? updateChat(known, conversation, state.me.id) : createChat(conversation);
  const outbox = withoutStored(state.outbox, chat, state.me.id);
  // The conversation was opened by its URL before it was loaded.
  const isOpened = known === undefined && state.selectedId === conversation.id;
  const newFrom = isOpened ? newFromOf(conversation) : state.newFrom;
  return { ...state, outbox, newFrom, chats: new Map(state.chats).set(conversation.id, chat) };
}

function newFromOf({ unread, readSeq }: Conversation): number | null {
  return unread > 0 ? readSeq : null;
}

function withoutChat(state: State, id: Id): State {
  // Its unsent messages stay until the server refuses them, because a list may be older than the conversation.
  const chats = new Map(state.chats);
  return chats.delete(id) ? { ...state, chats } : state;
}

function withPage(
  state: State,
  page: Extract<Action, { type: 'older' | 'newer' | 'newest' }>,
): State {
  const known = { ...state, users: withUsers(state.users, page.users) };
  return changeChat(known, page.conversationId, (chat) => {
    if (page.type === 'older') {
      return { ...chat, older: 'idle', history: placeOlder(chat.history, page.messages) };
    }
    const place: (history: History, messages: typeof page.messages) => History =
      page.type === 'newer' ? placeNewer : restart;
    const history = place(chat.history, page.messages);
    return history === chat.history ? chat : withNewer(chat, history, state.me.id);
  });
}

function select(state: State, id: Id | null): State {
  if (state.selectedId === id) return state;
  const left =
    state.selectedId === null
      ? state
      : changeChat(state, state.selectedId, (chat) => ({
          ...chat,
          history: trim(chat.history, keptMessages),
        }));
  const chosen = id === null ? undefined : state.chats.get(id)?.conversation;
  const newFrom = chosen === undefined ? null : newFromOf(chosen);
  return { ...left, selectedId: id, newFrom };
}

function withDraft(drafts: State['drafts'], id: Id, text: string): State['drafts'] {
  const all = new Map(drafts);
  if (text === '') all.delete(id);
  else all.set(id, text);
  return all;
}
