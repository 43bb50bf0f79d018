import { listChats, titleOf } from '../store/select.ts';
import { moveFocus } from './arrow-keys.ts';
import { ConversationItem } from './conversation-item.tsx';
import { useMessengerState, useSurroundings } from './messenger-context.ts';

interface ConversationListProps {
  /** What the titles have to contain. */
  readonly query: string;
  readonly onFindPeople: () => void;
}

/** All conversations, the one in which something was said last first. */
export function ConversationList({
  query,
  onFindPeople,
}: ConversationListProps): React.JSX.Element {
  const state = useMessengerState();
  const { open } = useSurroundings();
  const wanted = query.trim().toLowerCase();
  const chats = listChats(state).filter(({ conversation }) =>
    titleOf(state, conversation).toLowerCase().includes(wanted),
  );
  if (chats.length === 0 && state.isLoaded) {
    return (
      <div className="empty">
        <p>{wanted === '' ? 'No conversations yet.' : 'No conversation is called that.'}</p>
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
