import type { Conversation, Friend, Id, Message, Time, User } from '../../shared/model.ts';
import type { Outgoing } from './outgoing.ts';
import type { Chat, State } from './state.ts';

/** Progress of an own message. */
export type Progress = 'sent' | 'delivered' | 'read';

/** Returns all chats, sorted by the newest message. */
export function listChats({ chats, outbox }: State): Chat[] {
  const unsent = new Map<Id, Time>();
  for (const { conversationId, createdAt } of outbox) unsent.set(conversationId, createdAt);
  const time = ({ conversation, history }: Chat) =>
    Math.max(
      unsent.get(conversation.id) ?? 0,
      history.messages.at(-1)?.sentAt ?? conversation.lastMessage?.sentAt ?? conversation.createdAt,
    );
  return [...chats.values()].sort((one, other) => time(other) - time(one));
}

/** Returns the other user of a direct conversation. */
export function otherOf(state: State, { kind, members }: Conversation): User | undefined {
  if (kind === 'group') return undefined;
  const other = members.find(({ userId }) => userId !== state.me.id);
  return other === undefined ? undefined : state.users.get(other.userId);
}

/** Returns the displayed name of a conversation. */
export function titleOf(state: State, conversation: Conversation): string {
  return conversation.name ?? otherOf(state, conversation)?.nickname ?? 'Conversation';
}

export function friendOf(state: State, userId: Id): Friend | undefined {
  return state.relations?.friends.find(({ id }) => id === userId);
}

/** Returns the nickname of a user; "You" for the user of this page. */
export function nicknameOf(state: State, userId: Id): string {
  if (userId === state.me.id) return 'You';
  return state.users.get(userId)?.nickname ?? 'Unknown user';
}

/** Returns the unsent messages of a conversation. */
export function outgoingOf({ outbox }: State, conversationId: Id): readonly Outgoing[] {
  return outbox.filter((outgoing) => outgoing.conversationId === conversationId);
}

/** Returns the other members who are typing. */
export function typistsOf({ typing }: State, conversationId: Id): readonly Id[] {
  return [...(typing.get(conversationId)?.keys() ?? [])];
}

/** Returns the progress that all other members have reached; 'sent' if there are none. */
export function progressOf({ members }: Conversation, { seq, senderId }: Message): Progress {
  const others = members.filter(({ userId }) => userId !== senderId);
  if (others.length === 0) return 'sent';
  if (others.every(({ readSeq }) => readSeq >= seq)) return 'read';
  return others.every(({ deliveredSeq }) => deliveredSeq >= seq) ? 'delivered' : 'sent';
}

/** Returns the number of unread messages of all conversations. */
export function countUnread({ chats }: State): number {
  let unread = 0;
  for (const { conversation } of chats.values()) unread += conversation.unread;
  return unread;
}

/** Returns true if there are messages before the loaded ones. */
export function hasOlder({ conversation, history }: Chat): boolean {
  const first = history.messages[0]?.seq ?? history.have + 1;
  return first > conversation.firstSeq;
}
