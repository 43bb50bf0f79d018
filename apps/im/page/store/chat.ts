import { limits } from '../../shared/limits.ts';
import type { Conversation, Id, Member } from '../../shared/model.ts';
import type { Mark } from '../../shared/socket-message.ts';
import { createHistory, firstOf, type History } from './history.ts';
import type { Chat } from './state.ts';

/** Creates the chat of a new conversation. */
export function createChat(conversation: Conversation): Chat {
  const history = createHistory(conversation.lastSeq, conversation.lastMessage);
  return { conversation, history, older: 'idle' };
}

/** Updates a conversation from the server. Marks never decrease, also with an outdated update. */
export function updateChat(chat: Chat, update: Conversation, meId: Id): Chat {
  const { conversation } = chat;
  const readSeq = Math.max(update.readSeq, conversation.readSeq);
  const members = raiseMarks(update.members, conversation.members);
  const isUnreadNewer = update.readSeq === readSeq && update.lastSeq >= chat.history.have;
  const unread = isUnreadNewer ? update.unread : conversation.unread;
  const lastSeq = Math.max(update.lastSeq, conversation.lastSeq);
  const updated = { ...chat, conversation: { ...update, members, readSeq, unread, lastSeq } };
  return recount(updated, meId);
}

/** Sets a history with new messages, and counts the unread ones. */
export function withNewer(chat: Chat, history: History, meId: Id): Chat {
  const { readSeq, unread, lastSeq } = chat.conversation;
  // Messages up to here are included in `unread` of the server.
  const counted = Math.max(readSeq, lastSeq, chat.history.have);
  const added = countUnread(history, counted, meId);
  const conversation = { ...chat.conversation, unread: atMostLimit(unread + added) };
  return recount({ ...chat, conversation, history }, meId);
}

/** All messages up to `seq` were read on a device of the user; `unread` remain. */
export function withRead(chat: Chat, read: { seq: number; unread: number }, meId: Id): Chat {
  const { conversation } = chat;
  if (read.seq < conversation.readSeq) return chat;
  const { seq: readSeq, unread } = read;
  return recount({ ...chat, conversation: { ...conversation, readSeq, unread } }, meId);
}

export function withMarks(chat: Chat, marks: readonly Mark[]): Chat {
  const members = raiseMarks(chat.conversation.members, marks);
  return { ...chat, conversation: { ...chat.conversation, members } };
}

/** Counts the unread messages if all are loaded; otherwise the count of the server stays. */
function recount(chat: Chat, meId: Id): Chat {
  const { conversation, history } = chat;
  if (conversation.readSeq < firstOf(history) - 1) return chat;
  const unread = atMostLimit(countUnread(history, conversation.readSeq, meId));
  if (unread === conversation.unread) return chat;
  return { ...chat, conversation: { ...conversation, unread } };
}

function countUnread({ messages }: History, readSeq: number, meId: Id): number {
  const unread = messages.filter(
    ({ seq, senderId, content }) => seq > readSeq && senderId !== meId && content.kind !== 'notice',
  );
  return unread.length;
}

function atMostLimit(unread: number): number {
  return Math.min(limits.unread, unread);
}

function raiseMarks(members: readonly Member[], marks: readonly Mark[]): readonly Member[] {
  return members.map((member) => {
    const mark = marks.find(({ userId }) => userId === member.userId);
    if (mark === undefined) return member;
    const deliveredSeq = Math.max(member.deliveredSeq, mark.deliveredSeq);
    const readSeq = Math.max(member.readSeq, mark.readSeq);
    return { ...member, deliveredSeq, readSeq };
  });
}
