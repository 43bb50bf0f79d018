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

/** Longer input is rejected, because it would slow down the page. */
const maxInput = limits.text * 5;

/** The form for a new message. */
export function Composer({ conversationId, title, attachments }: ComposerProps): React.JSX.Element {
  const messenger = useMessenger();
  const field = useRef<HTMLTextAreaElement>(null);
  const fileInput = useRef<HTMLInputElement>(null);
  const [text, setText] = useDraft(conversationId);
  const [refused, setRefused] = useState<number | null>(null);
  const [isPicking, setPicking] = useState(false);
  useFieldHeight(field, text);
  useEffect(() => {
    // On a phone the focus would open the keyboard over the messages.
    if (matchMedia('(pointer: fine)').matches) field.current?.focus();
  }, []);

  const change = (value: string) => {
    if (value.length > maxInput) {
      setRefused(value.length);
      return;
    }
    setRefused(null);
    setText(value);
    if (value !== '') messenger.notifyTyping(conversationId);
  };
  const insert = (symbol: string) => {
    const { selectionStart = text.length, selectionEnd = text.length } = field.current ?? {};
    change(text.slice(0, selectionStart) + symbol + text.slice(selectionEnd));
    // Move the cursor after the insertion, when React has rendered it.
    requestAnimationFrame(() => {
      const at = selectionStart + symbol.length;
      field.current?.setSelectionRange(at, at);
    });
  };
  const trimmed = text.trim();
  const isTooLong = trimmed.length > limits.text;
  const isEmpty = trimmed === '' && attachments.pictures.length === 0;
  const send = () => {
    if (isEmpty || isTooLong) return;
    const pictures = attachments.take();
    // The text becomes the caption of the first picture.
    for (const [index, picture] of pictures.entries()) {
      messenger.outbox.writePicture(conversationId, picture, index === 0 ? trimmed : '');
    }
    if (pictures.length === 0) messenger.outbox.write(conversationId, trimmed);
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
      <ProblemLine problem={toLengthProblem(refused ?? (isTooLong ? trimmed.length : null))} />
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
            if (files.length === 0 && length <= maxInput) return;
            event.preventDefault();
            if (files.length > 0) attachments.add([...files]);
            else setRefused(length);
          }}
          onKeyDown={(event) => {
            // While an input method is composing, Enter confirms a word and must not send.
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

/** A text that is kept while another conversation is open. */
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

/** Sets the height of the field to that of its text, up to the maximum of the styles. */
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
