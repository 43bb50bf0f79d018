import type { Conversation, Friend, Id, Message, Time, User } from '../../shared/model.ts';
import type { Outgoing } from './outgoing.ts';
import type { Chat, State } from './state.ts';

/** How far a message of mine has got. */
export type Progress = 'sent' | 'delivered' | 'read';

/** Every chat, the one in which something was said last first. */
export function listChats({ chats, outbox }: State): Chat[] {
  const written = new Map<Id, Time>();
  for (const { conversationId, createdAt } of outbox) written.set(conversationId, createdAt);
  const time = ({ conversation, history }: Chat) =>
    Math.max(
      written.get(conversation.id) ?? 0,
      history.messages.at(-1)?.sentAt ?? conversation.lastMessage?.sentAt ?? conversation.createdAt,
    );
  return [...chats.values()].sort((one, other) => time(other) - time(one));
}

/** The other one of a conversation of two. */
export function otherOf(state: State, { kind, members }: Conversation): User | undefined {
  if (kind === 'group') return undefined;
  const other = members.find(({ userId }) => userId !== state.me.id);
  return other === undefined ? undefined : state.users.get(other.userId);
}

/** What a conversation is called. */
export function titleOf(state: State, conversation: Conversation): string {
  return conversation.name ?? otherOf(state, conversation)?.nickname ?? 'Conversation';
}

export function friendOf(state: State, userId: Id): Friend | undefined {
  return state.relations?.friends.find(({ id }) => id === userId);
}

/** What is called by a nickname; the person themselves is "You". */
export function nicknameOf(state: State, userId: Id): string {
  if (userId === state.me.id) return 'You';
  return state.users.get(userId)?.nickname ?? 'Somebody';
}

/** Messages of mine that wait, of one conversation. */
export function outgoingOf({ outbox }: State, conversationId: Id): readonly Outgoing[] {
  return outbox.filter((outgoing) => outgoing.conversationId === conversationId);
}

/** Who else types in a conversation. */
export function typistsOf({ typing }: State, conversationId: Id): readonly Id[] {
  return [...(typing.get(conversationId)?.keys() ?? [])];
}

/** How far a message of mine has got with everybody else; sent when there is nobody else. */
export function progressOf({ members }: Conversation, { seq, senderId }: Message): Progress {
  const others = members.filter(({ userId }) => userId !== senderId);
  if (others.length === 0) return 'sent';
  if (others.every(({ readSeq }) => readSeq >= seq)) return 'read';
  return others.every(({ deliveredSeq }) => deliveredSeq >= seq) ? 'delivered' : 'sent';
}

/** How many messages wait to be read, in all conversations. */
export function countUnread({ chats }: State): number {
  let unread = 0;
  for (const { conversation } of chats.values()) unread += conversation.unread;
  return unread;
}

/** Whether a conversation has messages before those that are here. */
export function hasOlder({ conversation, history }: Chat): boolean {
  const first = history.messages[0]?.seq ?? history.have + 1;
  return first > conversation.firstSeq;
}
