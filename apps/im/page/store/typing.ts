import type { Id, Time } from '../../shared/model.ts';

type Typing = ReadonlyMap<Id, ReadonlyMap<Id, Time>>;

/** Lifetime of a typing notice, in milliseconds. */
const typingMs = 5000;

/** Adds a typing notice. */
export function addTyping(
  typing: Typing,
  notice: { readonly conversationId: Id; readonly userId: Id; readonly now: Time },
): Typing {
  const { conversationId, userId, now } = notice;
  const people = new Map(typing.get(conversationId)).set(userId, now + typingMs);
  return new Map(typing).set(conversationId, people);
}

/** Removes the typing notice of a user whose message has arrived. */
export function endTyping(typing: Typing, conversationId: Id, userId: Id): Typing {
  if (typing.get(conversationId)?.has(userId) !== true) return typing;
  return filterTyping(typing, (id, personId) => id !== conversationId || personId !== userId);
}

/** Removes expired typing notices. */
export function expireTyping(typing: Typing, now: Time): Typing {
  const hasExpired = [...typing.values()].some((people) =>
    [...people.values()].some((at) => at <= now),
  );
  return hasExpired ? filterTyping(typing, (_id, _personId, until) => until > now) : typing;
}

function filterTyping(
  typing: Typing,
  keep: (conversationId: Id, userId: Id, until: Time) => boolean,
): Typing {
  const kept = new Map<Id, ReadonlyMap<Id, Time>>();
  for (const [id, people] of typing) {
    const left = [...people].filter(([userId, until]) => keep(id, userId, until));
    if (left.length > 0) kept.set(id, new Map(left));
  }
  return kept;
}
