import type { Id } from '../../shared/model.ts';
import type { Outgoing } from './outgoing.ts';
import type { Chat } from './state.ts';

/** Removes messages from an outbox that are stored in the history of a chat. */
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
    // Stored before the loaded messages: it appears when the user scrolls to it.
    if (seq !== null && seq <= have) return false;
    return !stored.has(clientId);
  });
}

/** Changes the message with this client id, if it exists. */
export function changeOutgoing(
  outbox: readonly Outgoing[],
  clientId: string,
  change: Partial<Outgoing>,
): readonly Outgoing[] {
  return outbox.map((outgoing) =>
    outgoing.clientId === clientId ? { ...outgoing, ...change } : outgoing,
  );
}
