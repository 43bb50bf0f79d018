import type { Id, Presence, User } from '../../shared/model.ts';
import { withoutStored } from './outbox.ts';
import type { Outgoing } from './outgoing.ts';
import type { Chat, State } from './state.ts';

/** Changes one chat; the state stays as it is when the chat does, or is not known. */
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
  told: readonly User[],
): ReadonlyMap<Id, User> {
  const isSame = told.every((user) => {
    const known = users.get(user.id);
    return known?.nickname === user.nickname && known.avatar === user.avatar;
  });
  if (isSame) return users;
  const all = new Map(users);
  for (const { id, name, nickname, avatar } of told) all.set(id, { id, name, nickname, avatar });
  return all;
}

/** Forgets messages that wait. */
export function withoutOutgoing(state: State, isOver: (outgoing: Outgoing) => boolean): State {
  return { ...state, outbox: state.outbox.filter((outgoing) => !isOver(outgoing)) };
}

/** A friend came or went. */
export function withPresence(state: State, { userId, online, lastSeenAt }: Presence): State {
  const { relations } = state;
  if (relations === null) return state;
  const friends = relations.friends.map((friend) =>
    friend.id === userId ? { ...friend, online, lastSeenAt } : friend,
  );
  return { ...state, relations: { ...relations, friends } };
}
