import { memo } from 'react';
import type { Outgoing } from '../store/outgoing.ts';
import { toClock } from '../text/times.ts';
import { isEmojiOnly } from '../text/words.ts';
import { MessageProgress } from './message-progress.tsx';
import { MessageText } from './message-text.tsx';
import { useMessenger } from './messenger-context.ts';
import { fitPicture } from './picture-size.ts';
import { ProblemLine } from './problem-line.tsx';

interface OutgoingBubbleProps {
  readonly outgoing: Outgoing;
  readonly isFirst: boolean;
}

/** Errors after which a retry would fail again. */
const permanentErrors: ReadonlySet<string> = new Set([
  'client_id_used',
  'invalid',
  'not_a_picture',
  'picture_too_large',
  'picture_too_many_pixels',
  'text_too_long',
]);

/** An own message that is not stored yet. */
export const OutgoingBubble: React.MemoExoticComponent<
  (props: OutgoingBubbleProps) => React.JSX.Element
> = memo(function OutgoingBubble({ outgoing, isFirst }: OutgoingBubbleProps) {
  const messenger = useMessenger();
  const { text, picture, localPicture, status, problem, createdAt } = outgoing;
  const image = toImage(outgoing);
  const hasFailed = status === 'failed';
  const isLarge = localPicture === null && isEmojiOnly(text);
  const looks = [isFirst && 'first', isLarge && 'large', hasFailed && 'failed'];
  return (
    <li className={`message own outgoing ${looks.filter(Boolean).join(' ')}`} data-status={status}>
      <div className="bubble">
        <span className="visually-hidden">You: </span>
        {image !== null && (
          <span className="picture" style={fitPicture(localPicture ?? picture ?? image)}>
            <img
              src={image.url}
              alt=""
              // Hides the broken-image icon; the problem is shown below.
              onError={(event) => {
                event.currentTarget.hidden = true;
              }}
            />
            {status === 'uploading' && (
              <span className="spinner" role="status" aria-label="Uploading" />
            )}
          </span>
        )}
        {text !== '' && <MessageText text={text} />}
        <span className="message-meta">
          <time dateTime={new Date(createdAt).toISOString()}>{toClock(createdAt)}</time>
          <MessageProgress progress={hasFailed ? 'failed' : 'sending'} />
        </span>
      </div>
      {problem !== null && (
        <div className="outgoing-problem">
          <ProblemLine problem={problem} />
          {hasFailed && (
            <span>
              {!permanentErrors.has(problem.code) && (
                <button
                  type="button"
                  className="text-button"
                  onClick={() => messenger.outbox.retry(outgoing)}
                >
                  Try again
                </button>
              )}
              <button
                type="button"
                className="text-button"
                onClick={() => messenger.outbox.discard(outgoing)}
              >
                Discard
              </button>
            </span>
          )}
        </div>
      )}
    </li>
  );
});

function toImage({ localPicture, picture }: Outgoing): {
  readonly url: string;
  readonly width: number;
  readonly height: number;
} | null {
  if (localPicture !== null) return localPicture;
  if (picture === null) return null;
  const { hash, width, height } = picture;
  return { url: `/pictures/${hash}/small.webp`, width, height };
}
