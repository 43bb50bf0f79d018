import { listChats, titleOf } from '../store/select.ts';
import { moveFocus } from './arrow-keys.ts';
import { ConversationItem } from './conversation-item.tsx';
import { useMessengerContext, useMessengerState } from './messenger-context.ts';

interface ConversationListProps {
  /** Filter: the titles must contain it. */
  readonly query: string;
  readonly onFindPeople: () => void;
}

/** All conversations, sorted by the newest message. */
export function ConversationList({
  query,
  onFindPeople,
}: ConversationListProps): React.JSX.Element {
  const state = useMessengerState();
  const { open } = useMessengerContext();
  const wanted = query.trim().toLowerCase();
  const chats = listChats(state).filter(({ conversation }) =>
    titleOf(state, conversation).toLowerCase().includes(wanted),
  );
  if (chats.length === 0 && state.isLoaded) {
    return (
      <div className="empty">
        <p>{wanted === '' ? 'No conversations yet.' : 'No conversation has this name.'}</p>
        <button type="button" className="text-button" onClick={onFindPeople}>
          Find people
        </button>
      </div>
    );
  }
  return (
    <nav aria-label="Conversations">
      <ul className="conversations" onKeyDown={moveFocus}>
        {chats.map((chat) => (
          <ConversationItem
            key={chat.conversation.id}
            chat={chat}
            state={state}
            onOpen={() => open(chat.conversation.id)}
          />
        ))}
      </ul>
    </nav>
  );
}
