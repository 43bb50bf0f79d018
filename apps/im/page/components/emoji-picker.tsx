import { useEffect, useRef, useState } from 'react';
import { emojiGroups } from '../text/emoji.ts';

interface EmojiPickerProps {
  readonly onPick: (symbol: string) => void;
  readonly onClose: () => void;
}

/** Emoji picker; the arrow keys move the focus, Escape closes it. */
export function EmojiPicker({ onPick, onClose }: EmojiPickerProps): React.JSX.Element {
  const [query, setQuery] = useState('');
  const search = useRef<HTMLInputElement>(null);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => search.current?.focus(), []);
  useOutsideClick(element, onClose);
  const wanted = query.trim().toLowerCase();
  const groups = emojiGroups
    .map(({ name, emoji }) => ({
      name,
      emoji: emoji.filter(([, words]) => words.includes(wanted)),
    }))
    .filter(({ emoji }) => emoji.length > 0);
  return (
    <div
      ref={element}
      className="emoji-picker"
      role="dialog"
      aria-label="Emoji"
      onKeyDown={(event) => {
        if (event.key === 'Escape') {
          event.preventDefault();
          onClose();
        } else moveInGrid(event);
      }}
    >
      <input
        ref={search}
        type="search"
        value={query}
        onChange={(event) => setQuery(event.target.value)}
        onKeyDown={(event) => {
          // Enter would submit the surrounding form.
          if (event.key === 'Enter') event.preventDefault();
        }}
        placeholder="Search emoji"
        aria-label="Search emoji"
      />
      <div className="emoji-groups">
        {groups.length === 0 && <p className="soft">No emoji found.</p>}
        {groups.map(({ name, emoji }) => (
          <section key={name} aria-label={name}>
            <h3>{name}</h3>
            <div className="emoji-grid">
              {emoji.map(([symbol, words]) => (
                <button
                  key={symbol}
                  type="button"
                  aria-label={words}
                  title={words}
                  onClick={() => onPick(symbol)}
                >
                  {symbol}
                </button>
              ))}
            </div>
          </section>
        ))}
      </div>
    </div>
  );
}

/** Moves by the positions of the buttons, because the number of columns depends on the width. */
function moveInGrid(event: React.KeyboardEvent<HTMLElement>): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const isVertical = event.key === 'ArrowDown' || event.key === 'ArrowUp';
  if (step === undefined && !isVertical) return;
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('.emoji-grid button')];
  const index = buttons.indexOf(document.activeElement as HTMLElement);
  // In the search field, left and right move the cursor.
  if (index === -1 && event.key !== 'ArrowDown') return;
  event.preventDefault();
  const target =
    step === undefined ? findVertical(buttons, index, event.key === 'ArrowDown') : index + step;
  buttons[Math.min(buttons.length - 1, Math.max(0, target))]?.focus();
}

function findVertical(buttons: readonly HTMLElement[], index: number, isDown: boolean): number {
  const current = buttons[index];
  if (current === undefined) return 0;
  const { offsetLeft, offsetTop } = current;
  const isNext = ({ offsetTop: top, offsetLeft: left }: HTMLElement) =>
    left === offsetLeft && (isDown ? top > offsetTop : top < offsetTop);
  const found = isDown
    ? buttons.findIndex((button) => isNext(button))
    : buttons.findLastIndex((button) => isNext(button));
  return found === -1 ? index : found;
}

function useOutsideClick(
  element: React.RefObject<HTMLElement | null>,
  onOutside: () => void,
): void {
  useEffect(() => {
    const listen = ({ target }: PointerEvent) => {
      if (!(target instanceof Element)) return;
      // The button that opens the picker also closes it.
      const isOwn = target.closest('[aria-expanded="true"]') !== null;
      if (!isOwn && element.current?.contains(target) === false) onOutside();
    };
    document.addEventListener('pointerdown', listen);
    return () => document.removeEventListener('pointerdown', listen);
  });
}
