import type { Message, MessageContent } from '../../shared/model.ts';
import { nicknameOf } from '../store/select.ts';
import type { State } from '../store/state.ts';
import { list } from './words.ts';

/** Returns a message as one line, for lists and screen readers. */
export function toPreview(state: State, { content, senderId }: Message): string {
  switch (content.kind) {
    case 'text':
      return content.text;
    case 'picture':
      return content.text === '' ? '📷 Picture' : `📷 ${content.text}`;
    case 'notice':
      return toNoticeText(state, senderId, content.notice);
    default:
      return 'A message that this version of the page cannot show';
  }
}

type Notice = Extract<MessageContent, { kind: 'notice' }>['notice'];

/** Returns the text of an event of a group. */
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
      return 'The group was changed';
  }
}
