import { useEffect, useRef, useState } from 'react';
import type { Message } from '../../shared/model.ts';
import { nicknameOf, titleOf } from '../store/select.ts';
import type { State } from '../store/state.ts';
import { toPreview } from '../text/notice-text.ts';
import { useMessengerState } from './messenger-context.ts';

/** Reads out what comes, to who does not see it. */
export function Announcer(): React.JSX.Element {
  const state = useMessengerState();
  const { chats, isLoaded } = state;
  const heard = useRef<State['chats'] | null>(null);
  const [text, setText] = useState('');
  // biome-ignore lint/correctness/useExhaustiveDependencies: names are taken as they are when a message comes
  useEffect(() => {
    if (!isLoaded) return;
    const before = heard.current;
    heard.current = chats;
    const news = before === null ? [] : findNews(before, state);
    const last = news.at(-1);
    if (last !== undefined) setText(toAnnouncement(state, last, news.length));
  }, [chats, isLoaded]);
  return (
    <div className="visually-hidden" aria-live="polite" aria-atomic="true" id="announcer">
      {text}
    </div>
  );
}

/** Messages of others that were not there before. */
function findNews(before: State['chats'], { chats, me }: State): Message[] {
  const news: Message[] = [];
  for (const [id, { history }] of chats) {
    const known = before.get(id)?.history;
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
