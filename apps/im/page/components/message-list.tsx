import { useMemo, useState } from 'react';
import type { Picture } from '../../shared/model.ts';
import { hasOlder, nicknameOf, outgoingOf, progressOf } from '../store/select.ts';
import type { Chat, State } from '../store/state.ts';
import { toNoticeText } from '../text/notice-text.ts';
import { toClock, toDay } from '../text/times.ts';
import { IconButton } from './icon-button.tsx';
import { MessageBubble } from './message-bubble.tsx';
import { useMessenger, useMessengerState } from './messenger-context.ts';
import { OutgoingBubble } from './outgoing-bubble.tsx';
import { PictureViewer } from './picture-viewer.tsx';
import { type Row, toRows } from './rows.ts';
import { useMessageScroll } from './use-message-scroll.ts';

/** The messages of a conversation in order, with unsent ones at the end. */
export function MessageList({ chat }: { readonly chat: Chat }): React.JSX.Element {
  const messenger = useMessenger();
  const state = useMessengerState();
  const { conversation, history } = chat;
  const [viewed, setViewed] = useState<Picture | null>(null);
  const outgoing = outgoingOf(state, conversation.id);
  const scroll = useMessageScroll(chat, outgoing.length);
  const rows = useMemo(
    () =>
      toRows({ messages: history.messages, outgoing, newFrom: state.newFrom, meId: state.me.id }),
    [history.messages, outgoing, state.newFrom, state.me.id],
  );
  return (
    <div className="messages-frame">
      <div
        className="messages"
        role="log"
        aria-live="off"
        aria-label="Messages"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrollable by keyboard
        tabIndex={0}
        {...scroll.props}
      >
        <div className="older">
          {chat.older === 'loading' && <span role="status">Loading…</span>}
          {chat.older === 'failed' && (
            <button
              type="button"
              className="text-button"
              onClick={() => messenger.loadOlder(conversation.id).catch(() => undefined)}
            >
              Older messages could not be loaded. Try again
            </button>
          )}
          {!hasOlder(chat) && conversation.kind === 'direct' && rows.length === 0 && (
            <p>Say hello.</p>
          )}
        </div>
        <ol className="message-rows">
          {rows.map((row) => (
            <MessageRow key={row.key} row={row} chat={chat} state={state} onView={setViewed} />
          ))}
        </ol>
      </div>
      {scroll.isAway && (
        <span className="to-bottom">
          <IconButton icon="down" label="To the newest message" onClick={scroll.toBottom} />
          {scroll.missed > 0 && <span className="badge">{scroll.missed}</span>}
        </span>
      )}
      {viewed !== null && <PictureViewer picture={viewed} onClose={() => setViewed(null)} />}
    </div>
  );
}

function MessageRow({
  row,
  chat: { conversation },
  state,
  onView,
}: {
  readonly row: Row;
  readonly chat: Chat;
  readonly state: State;
  readonly onView: (picture: Picture) => void;
}): React.JSX.Element {
  switch (row.kind) {
    case 'day':
      return <li className="day">{toDay(row.time, Date.now())}</li>;
    case 'new':
      return <li className="new-line">New messages</li>;
    case 'outgoing':
      return <OutgoingBubble outgoing={row.outgoing} isFirst={row.isFirst} />;
    case 'message': {
      const { message } = row;
      const { content, senderId } = message;
      if (content.kind === 'notice') {
        return (
          <li className="notice" title={toClock(message.sentAt)}>
            {toNoticeText(state, senderId, content.notice)}
          </li>
        );
      }
      const isOwn = senderId === state.me.id;
      return (
        <MessageBubble
          message={message}
          isFirst={row.isFirst}
          sender={state.users.get(senderId)}
          senderName={nicknameOf(state, senderId)}
          isNamed={conversation.kind === 'group' && !isOwn}
          progress={isOwn ? progressOf(conversation, message) : null}
          onView={onView}
        />
      );
    }
  }
}
