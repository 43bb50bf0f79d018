import type { Id } from '../../shared/model.ts';
import type { Outgoing } from './outgoing.ts';
import type { Chat } from './state.ts';

/** What is left of an outbox once the messages that have come are known: those of mine are shown there. */
export function withoutStored(
  outbox: readonly Outgoing[],
  chat: Chat,
  meId: Id,
): readonly Outgoing[] {
  const { id } = chat.conversation;
  if (!outbox.some(({ conversationId }) => conversationId === id)) return outbox;
  const { messages, have } = chat.history;
  const stored = new Set<string>();
  for (const { senderId, clientId } of messages) {
    if (senderId === meId && clientId !== null) stored.add(clientId);
  }
  return outbox.filter(({ conversationId, clientId, seq }) => {
    if (conversationId !== id) return true;
    // Stored before all that is here: it will be seen when it is scrolled to.
    if (seq !== null && seq <= have) return false;
    return !stored.has(clientId);
  });
}

/** Changes the message of this client id, if it is still there. */
export function changeOutgoing(
  outbox: readonly Outgoing[],
  clientId: string,
  change: Partial<Outgoing>,
): readonly Outgoing[] {
  return outbox.map((outgoing) =>
    outgoing.clientId === clientId ? { ...outgoing, ...change } : outgoing,
  );
}
