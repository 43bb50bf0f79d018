import { useEffect, useRef, useState } from 'react';
import type { Message } from '../../shared/model.ts';
import { nicknameOf, titleOf } from '../store/select.ts';
import type { State } from '../store/state.ts';
import { toPreview } from '../text/notice-text.ts';
import { useMessengerState } from './messenger-context.ts';

/** Announces new messages to screen readers. */
export function Announcer(): React.JSX.Element {
  const state = useMessengerState();
  const { chats, isLoaded } = state;
  const announced = useRef<State['chats'] | null>(null);
  const [text, setText] = useState('');
  // biome-ignore lint/correctness/useExhaustiveDependencies: names are read only when a message arrives
  useEffect(() => {
    if (!isLoaded) return;
    const previous = announced.current;
    announced.current = chats;
    const news = previous === null ? [] : findNews(previous, state);
    const last = news.at(-1);
    if (last !== undefined) setText(toAnnouncement(state, last, news.length));
  }, [chats, isLoaded]);
  return (
    <div className="visually-hidden" aria-live="polite" aria-atomic="true" id="announcer">
      {text}
    </div>
  );
}

/** Returns the new messages of other users. */
function findNews(previous: State['chats'], { chats, me }: State): Message[] {
  const news: Message[] = [];
  for (const [id, { history }] of chats) {
    const known = previous.get(id)?.history;
    if (known === undefined || known.have === history.have) continue;
    news.push(
      ...history.messages.filter(({ seq, senderId }) => seq > known.have && senderId !== me.id),
    );
  }
  return news;
}

function toAnnouncement(state: State, message: Message, count: number): string {
  const chat = state.chats.get(message.conversationId);
  const sender = nicknameOf(state, message.senderId);
  const isGroup = chat?.conversation.kind === 'group';
  const where = chat === undefined || !isGroup ? '' : ` in ${titleOf(state, chat.conversation)}`;
  const others = count === 1 ? '' : `${count} new messages. `;
  const isNotice = message.content.kind === 'notice';
  const source = isNotice ? where.replace(' in ', '') : `${sender}${where}`;
  return `${others}${source}${source === '' ? '' : ': '}${toPreview(state, message)}`;
}
