import { isRetryable } from '../../shared/error-code.ts';
import type { Time } from '../../shared/model.ts';
import type { ServerMessage } from '../../shared/socket-message.ts';
import { changeChat, withoutOutgoing, withPresence, withUsers } from './change.ts';
import { withMarks, withNewer, withRead } from './chat.ts';
import { placeMessage } from './history.ts';
import { changeOutgoing, withoutStored } from './outbox.ts';
import type { State } from './state.ts';
import { addTyping, endTyping } from './typing.ts';

/** Returns the state after a message of the server. */
export function reduceServerMessage(state: State, received: ServerMessage, now: Time): State {
  switch (received.type) {
    case 'message':
      return withMessage(state, received);
    case 'sent':
      return withSent(state, received);
    case 'refused':
      return withRefused(state, received);
    case 'marks':
      return changeChat(state, received.conversationId, (chat) => withMarks(chat, received.marks));
    case 'unread':
      return changeChat(state, received.conversationId, (chat) =>
        withRead(chat, { seq: received.readSeq, unread: received.unread }, state.me.id),
      );
    case 'typing':
      if (received.userId === state.me.id) return state;
      return { ...state, typing: addTyping(state.typing, { ...received, now }) };
    case 'presence':
      return withPresence(state, received);
    default:
      // Other types do not change the state, or are unknown to this version of the page.
      return state;
  }
}

function withMessage(
  state: State,
  { message, sender }: Extract<ServerMessage, { type: 'message' }>,
): State {
  const { conversationId, senderId } = message;
  const known: State = {
    ...state,
    users: withUsers(state.users, [sender]),
    typing: endTyping(state.typing, conversationId, senderId),
  };
  return changeChat(known, conversationId, (chat) => {
    const history = placeMessage(chat.history, message);
    return history === chat.history ? chat : withNewer(chat, history, state.me.id);
  });
}

function withSent(
  state: State,
  { clientId, conversationId, seq }: Extract<ServerMessage, { type: 'sent' }>,
): State {
  const outbox = changeOutgoing(state.outbox, clientId, { seq, status: 'sending', problem: null });
  const chat = state.chats.get(conversationId);
  return {
    ...state,
    outbox: chat === undefined ? outbox : withoutStored(outbox, chat, state.me.id),
  };
}

function withRefused(
  state: State,
  { clientId, conversationId, error, message }: Extract<ServerMessage, { type: 'refused' }>,
): State {
  // The conversation is not shown, so the error cannot be shown either.
  if (error === 'conversation_unknown' && !state.chats.has(conversationId)) {
    return withoutOutgoing(state, (outgoing) => outgoing.clientId === clientId);
  }
  const problem = { code: error, message };
  const status = isRetryable(error) ? 'sending' : 'failed';
  return { ...state, outbox: changeOutgoing(state.outbox, clientId, { status, problem }) };
}
