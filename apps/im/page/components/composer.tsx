import { useEffect, useRef, useState } from 'react';
import { limits } from '../../shared/limits.ts';
import { count } from '../text/words.ts';
import { AttachmentStrip } from './attachment-strip.tsx';
import { EmojiPicker } from './emoji-picker.tsx';
import { Icon } from './icon.tsx';
import { IconButton } from './icon-button.tsx';
import { useMessenger } from './messenger-context.ts';
import { ProblemLine } from './problem-line.tsx';
import type { Attachments } from './use-attachments.ts';

interface ComposerProps {
  readonly conversationId: string;
  readonly title: string;
  readonly attachments: Attachments;
}

/** Text beyond this is not taken at all: the page would be slow with it. */
const mostTaken = limits.text * 5;

/** Where a message is written. */
export function Composer({ conversationId, title, attachments }: ComposerProps): React.JSX.Element {
  const messenger = useMessenger();
  const field = useRef<HTMLTextAreaElement>(null);
  const fileInput = useRef<HTMLInputElement>(null);
  const [text, setText] = useDraft(conversationId);
  const [refused, setRefused] = useState<number | null>(null);
  const [isPicking, setPicking] = useState(false);
  useFieldHeight(field, text);
  useEffect(() => {
    // A phone would open its keyboard over the messages.
    if (matchMedia('(pointer: fine)').matches) field.current?.focus();
  }, []);

  const change = (value: string) => {
    if (value.length > mostTaken) {
      setRefused(value.length);
      return;
    }
    setRefused(null);
    setText(value);
    if (value !== '') messenger.type(conversationId);
  };
  const insert = (symbol: string) => {
    const { selectionStart = text.length, selectionEnd = text.length } = field.current ?? {};
    change(text.slice(0, selectionStart) + symbol + text.slice(selectionEnd));
    // Behind what was put in, once it is there.
    requestAnimationFrame(() => {
      const at = selectionStart + symbol.length;
      field.current?.setSelectionRange(at, at);
    });
  };
  const written = text.trim();
  const isTooLong = written.length > limits.text;
  const isEmpty = written === '' && attachments.pictures.length === 0;
  const send = () => {
    if (isEmpty || isTooLong) return;
    const pictures = attachments.take();
    // The words stand beside the first picture.
    for (const [index, picture] of pictures.entries()) {
      messenger.outbox.writePicture(conversationId, picture, index === 0 ? written : '');
    }
    if (pictures.length === 0) messenger.outbox.write(conversationId, written);
    setText('');
    setRefused(null);
    field.current?.focus();
  };

  return (
    <form
      className="composer"
      aria-label="Write a message"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <ProblemLine problem={toLengthProblem(refused ?? (isTooLong ? written.length : null))} />
      <ProblemLine problem={attachments.problem} />
      <AttachmentStrip attachments={attachments} />
      {isPicking && (
        <EmojiPicker
          onPick={insert}
          onClose={() => {
            setPicking(false);
            field.current?.focus();
          }}
        />
      )}
      <div className="composer-row">
        <IconButton
          icon="emoji"
          label="Emoji"
          aria-expanded={isPicking}
          onClick={() => setPicking(!isPicking)}
        />
        <IconButton
          icon="picture"
          label="Send a picture"
          onClick={() => fileInput.current?.click()}
        />
        <input
          ref={fileInput}
          type="file"
          accept="image/jpeg,image/png,image/webp,image/gif"
          multiple
          hidden
          aria-label="Pictures"
          onChange={(event) => {
            attachments.add([...(event.target.files ?? [])]);
            event.target.value = '';
            field.current?.focus();
          }}
        />
        <textarea
          ref={field}
          rows={1}
          value={text}
          placeholder="Message"
          aria-label={`Message to ${title}`}
          aria-invalid={isTooLong}
          enterKeyHint="send"
          dir="auto"
          onChange={(event) => change(event.target.value)}
          onPaste={(event) => {
            const { files } = event.clipboardData;
            const { length } = event.clipboardData.getData('text/plain');
            if (files.length === 0 && length <= mostTaken) return;
            event.preventDefault();
            if (files.length > 0) attachments.add([...files]);
            else setRefused(length);
          }}
          onKeyDown={(event) => {
            // While a word is chosen from a list of candidates, Enter belongs to that list.
            if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
        <button
          type="submit"
          className="send"
          aria-label="Send"
          title="Send"
          disabled={isEmpty || isTooLong}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

/** What is typed is kept when another conversation is opened. */
function useDraft(conversationId: string): readonly [string, (text: string) => void] {
  const { store } = useMessenger();
  const [text, setText] = useState(() => store.get().drafts.get(conversationId) ?? '');
  const kept = useRef(text);
  useEffect(
    () => () => store.dispatch({ type: 'draft', conversationId, text: kept.current }),
    [store, conversationId],
  );
  const change = (value: string) => {
    kept.current = value;
    setText(value);
  };
  return [text, change];
}

/** As high as its text, up to what the styles allow. */
function useFieldHeight(field: React.RefObject<HTMLTextAreaElement | null>, text: string): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useEffect(() => {
    const element = field.current;
    if (element === null) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [field, text]);
}

function toLengthProblem(length: number | null) {
  if (length === null) return null;
  const most = limits.text.toLocaleString('en');
  const message = `${count(length, 'character')} are too many: a message has at most ${most}.`;
  return { code: 'text_too_long', message } as const;
}
