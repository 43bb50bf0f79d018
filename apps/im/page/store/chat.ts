import { limits } from '../../shared/limits.ts';
import type { Conversation, Id, Member } from '../../shared/model.ts';
import type { Mark } from '../../shared/socket-message.ts';
import { beginHistory, firstOf, type History } from './history.ts';
import type { Chat } from './state.ts';

/** A conversation that was not known. */
export function beginChat(conversation: Conversation): Chat {
  const history = beginHistory(conversation.lastSeq, conversation.lastMessage);
  return { conversation, history, older: 'idle' };
}

/** Takes what the server tells anew of a conversation. Marks never go back, whatever comes late. */
export function updateChat(chat: Chat, told: Conversation, meId: Id): Chat {
  const { conversation } = chat;
  const readSeq = Math.max(told.readSeq, conversation.readSeq);
  const members = raiseMarks(told.members, conversation.members);
  const isUnreadNewer = told.readSeq === readSeq && told.lastSeq >= chat.history.have;
  const unread = isUnreadNewer ? told.unread : conversation.unread;
  const lastSeq = Math.max(told.lastSeq, conversation.lastSeq);
  const updated = { ...chat, conversation: { ...told, members, readSeq, unread, lastSeq } };
  return recount(updated, meId);
}

/** Takes a history that has more at its end, and counts what of it is unread. */
export function withNewer(chat: Chat, history: History, meId: Id): Chat {
  const { readSeq, unread, lastSeq } = chat.conversation;
  // What the server has counted is in `unread` already.
  const counted = Math.max(readSeq, lastSeq, chat.history.have);
  const added = countUnread(history, counted, meId);
  const conversation = { ...chat.conversation, unread: atMostLimit(unread + added) };
  return recount({ ...chat, conversation, history }, meId);
}

/** Everything up to `seq` was read on one of my devices; `unread` are left. */
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

/** Counts again when everything unread is here; else it stays what the server has told. */
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
