import {
  friendOf,
  nicknameOf,
  otherOf,
  outgoingOf,
  progressOf,
  titleOf,
  typistsOf,
} from '../store/select.ts';
import type { Chat, State } from '../store/state.ts';
import { toPreview } from '../text/notice-text.ts';
import { toShort } from '../text/times.ts';
import { Avatar } from './avatar.tsx';
import { MessageProgress } from './message-progress.tsx';

interface ConversationItemProps {
  readonly chat: Chat;
  readonly state: State;
  readonly onOpen: () => void;
}

/** A row of the list: name, last message, its time, and the unread count. */
export function ConversationItem({
  chat,
  state,
  onOpen,
}: ConversationItemProps): React.JSX.Element {
  const { conversation } = chat;
  const { id, unread } = conversation;
  const title = titleOf(state, conversation);
  const other = otherOf(state, conversation);
  const last = chat.history.messages.at(-1);
  const waiting = outgoingOf(state, id).at(-1);
  const time = waiting?.createdAt ?? last?.sentAt ?? conversation.createdAt;
  return (
    <li>
      <button
        type="button"
        className="conversation"
        data-conversation={id}
        aria-current={state.selectedId === id}
        onClick={onOpen}
      >
        <Avatar
          id={other?.id ?? id}
          name={title}
          picture={other?.avatar}
          online={other === undefined ? undefined : friendOf(state, other.id)?.online}
        />
        <span className="conversation-text">
          <span className="conversation-top">
            <bdi className="conversation-title">{title}</bdi>
            <span className="conversation-time">{toShort(time, Date.now())}</span>
          </span>
          <span className="conversation-bottom">
            <Preview chat={chat} state={state} />
            {unread > 0 && (
              <span className="badge">
                {unread >= 999 ? '999+' : unread}
                <span className="visually-hidden"> unread</span>
              </span>
            )}
          </span>
        </span>
      </button>
    </li>
  );
}

function Preview({
  chat: { conversation, history },
  state,
}: {
  readonly chat: Chat;
  readonly state: State;
}): React.JSX.Element {
  const { id, kind } = conversation;
  const typists = typistsOf(state, id);
  if (typists.length > 0) return <span className="conversation-last typing">typing…</span>;
  const waiting = outgoingOf(state, id).at(-1);
  if (waiting !== undefined) {
    const isPicture = waiting.localPicture !== null || waiting.picture !== null;
    return (
      <span className="conversation-last">
        <MessageProgress progress={waiting.status === 'failed' ? 'failed' : 'sending'} />
        <bdi>{isPicture ? `📷 ${waiting.text || 'Picture'}` : waiting.text}</bdi>
      </span>
    );
  }
  const last = history.messages.at(-1) ?? conversation.lastMessage;
  if (last === null || last === undefined)
    return <span className="conversation-last">Say hello</span>;
  const isMine = last.senderId === state.me.id && last.content.kind !== 'notice';
  const isNamed = kind === 'group' && !isMine && last.content.kind !== 'notice';
  return (
    <span className="conversation-last">
      {isMine && <MessageProgress progress={progressOf(conversation, last)} />}
      <bdi>
        {isNamed ? `${nicknameOf(state, last.senderId)}: ` : ''}
        {toPreview(state, last)}
      </bdi>
    </span>
  );
}
