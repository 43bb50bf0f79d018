import type { Id, Presence, User } from '../../shared/model.ts';
import { withoutStored } from './outbox.ts';
import type { Outgoing } from './outgoing.ts';
import type { Chat, State } from './state.ts';

/** Changes one chat; returns the same state if the chat is unchanged or unknown. */
export function changeChat(state: State, id: Id, change: (chat: Chat) => Chat): State {
  const chat = state.chats.get(id);
  if (chat === undefined) return state;
  const changed = change(chat);
  if (changed === chat) return state;
  const outbox =
    changed.history === chat.history
      ? state.outbox
      : withoutStored(state.outbox, changed, state.me.id);
  return { ...state, outbox, chats: new Map(state.chats).set(id, changed) };
}

export function withUsers(
  users: ReadonlyMap<Id, User>,
  received: readonly User[],
): ReadonlyMap<Id, User> {
  const isSame = received.every((user) => {
    const known = users.get(user.id);
    return known?.nickname === user.nickname && known.avatar === user.avatar;
  });
  if (isSame) return users;
  const all = new Map(users);
  for (const { id, name, nickname, avatar } of received)
    all.set(id, { id, name, nickname, avatar });
  return all;
}

/** Removes messages from the outbox. */
export function withoutOutgoing(state: State, isRemoved: (outgoing: Outgoing) => boolean): State {
  return { ...state, outbox: state.outbox.filter((outgoing) => !isRemoved(outgoing)) };
}

/** A friend went online or offline. */
export function withPresence(state: State, { userId, online, lastSeenAt }: Presence): State {
  const { relations } = state;
  if (relations === null) return state;
  const friends = relations.friends.map((friend) =>
    friend.id === userId ? { ...friend, online, lastSeenAt } : friend,
  );
  return { ...state, relations: { ...relations, friends } };
}
