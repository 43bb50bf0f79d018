import { isRetryable } from '../../shared/error-code.ts';
import type { Time } from '../../shared/model.ts';
import type { ServerMessage } from '../../shared/socket-message.ts';
import { changeChat, withoutOutgoing, withPresence, withUsers } from './change.ts';
import { withMarks, withNewer, withRead } from './chat.ts';
import { placeMessage } from './history.ts';
import { changeOutgoing, withoutStored } from './outbox.ts';
import type { State } from './state.ts';
import { endTyping, noteTyping } from './typing.ts';

/** The state after the server has said something. */
export function reduceHeard(state: State, heard: ServerMessage, now: Time): State {
  switch (heard.type) {
    case 'message':
      return withMessage(state, heard);
    case 'sent':
      return withSent(state, heard);
    case 'refused':
      return withRefused(state, heard);
    case 'marks':
      return changeChat(state, heard.conversationId, (chat) => withMarks(chat, heard.marks));
    case 'unread':
      return changeChat(state, heard.conversationId, (chat) =>
        withRead(chat, { seq: heard.readSeq, unread: heard.unread }, state.me.id),
      );
    case 'typing':
      if (heard.userId === state.me.id) return state;
      return { ...state, typing: noteTyping(state.typing, { ...heard, now }) };
    case 'presence':
      return withPresence(state, heard);
    default:
      // The rest is a reason to ask for something, or has a type that came later than this page.
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
  // There is no place to show it.
  if (error === 'conversation_unknown' && !state.chats.has(conversationId)) {
    return withoutOutgoing(state, (outgoing) => outgoing.clientId === clientId);
  }
  const problem = { code: error, message };
  const status = isRetryable(error) ? 'sending' : 'failed';
  return { ...state, outbox: changeOutgoing(state.outbox, clientId, { status, problem }) };
}
