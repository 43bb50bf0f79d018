import type { Message, MessageContent } from '../../shared/model.ts';
import { nicknameOf } from '../store/select.ts';
import type { State } from '../store/state.ts';
import { list } from './words.ts';

/** What a message says in one line, for lists and for who hears the page. */
export function toPreview(state: State, { content, senderId }: Message): string {
  switch (content.kind) {
    case 'text':
      return content.text;
    case 'picture':
      return content.text === '' ? '📷 Picture' : `📷 ${content.text}`;
    case 'notice':
      return toNoticeText(state, senderId, content.notice);
    default:
      return 'A message that this page is too old to show';
  }
}

type Notice = Extract<MessageContent, { kind: 'notice' }>['notice'];

/** What happened in a group. */
export function toNoticeText(state: State, senderId: string, notice: Notice): string {
  const sender = nicknameOf(state, senderId);
  const them = (userIds: readonly string[]) =>
    list(userIds.map((id) => (id === state.me.id ? 'you' : nicknameOf(state, id))));
  switch (notice.event) {
    case 'created':
      return `${sender} created the group “${notice.name}”`;
    case 'renamed':
      return `${sender} renamed the group to “${notice.name}”`;
    case 'joined':
      return `${sender} joined by an invitation`;
    case 'added':
      return `${sender} added ${them(notice.userIds)}`;
    case 'left':
      return `${sender} left`;
    case 'removed':
      return `${sender} removed ${them(notice.userIds)}`;
    default:
      return 'Something happened in the group';
  }
}
