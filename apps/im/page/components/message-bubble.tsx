import { memo } from 'react';
import type { Message, Picture, User } from '../../shared/model.ts';
import type { Progress } from '../store/select.ts';
import { toClock } from '../text/times.ts';
import { isEmojiOnly } from '../text/words.ts';
import { Avatar } from './avatar.tsx';
import { MessageProgress } from './message-progress.tsx';
import { MessageText } from './message-text.tsx';
import { fitPicture } from './picture-size.ts';

interface MessageBubbleProps {
  readonly message: Message;
  readonly sender: User | undefined;
  readonly senderName: string;
  readonly isFirst: boolean;
  /** True if the name of the sender is shown. */
  readonly isNamed: boolean;
  /** Progress of an own message; null for others. */
  readonly progress: Progress | null;
  readonly onView: (picture: Picture) => void;
}

/** A stored message. */
export const MessageBubble: React.MemoExoticComponent<
  (props: MessageBubbleProps) => React.JSX.Element
> = memo(function MessageBubble(props: MessageBubbleProps) {
  const { message, sender, senderName, isFirst, isNamed, progress, onView } = props;
  const { content, seq, senderId, sentAt } = message;
  const text = content.kind === 'notice' ? '' : content.text;
  const isLarge = content.kind === 'text' && isEmojiOnly(text);
  const looks = [progress === null ? 'other' : 'own', isFirst && 'first', isLarge && 'large'];
  return (
    <li className={`message ${looks.filter(Boolean).join(' ')}`} data-seq={seq}>
      {isNamed && (
        <span className="message-avatar">
          {isFirst && (
            <Avatar id={senderId} name={senderName} picture={sender?.avatar} size="small" />
          )}
        </span>
      )}
      <div className="bubble">
        {isNamed && isFirst && <bdi className="author">{senderName}</bdi>}
        {!isNamed && <span className="visually-hidden">{`${senderName}: `}</span>}
        {content.kind === 'picture' && (
          <button
            type="button"
            className="picture"
            aria-label={`Show the picture${text === '' ? '' : `: ${text}`}`}
            style={fitPicture(content.picture)}
            onClick={() => onView(content.picture)}
          >
            <img src={`/pictures/${content.picture.hash}/small.webp`} alt="" loading="lazy" />
          </button>
        )}
        {text !== '' && <MessageText text={text} />}
        <span className="message-meta">
          <time dateTime={new Date(sentAt).toISOString()}>{toClock(sentAt)}</time>
          {progress !== null && <MessageProgress progress={progress} />}
        </span>
      </div>
    </li>
  );
});
