import { useEffect } from 'react';
import { listChats } from '../store/select.ts';
import { useMessengerContext } from './messenger-context.ts';

/** Ctrl+K focuses the search, Alt+Up and Alt+Down switch conversations, Escape closes the open one. */
export function useShortcuts(): void {
  const { messenger, open } = useMessengerContext();
  useEffect(() => {
    const step = (by: number) => {
      const state = messenger.store.get();
      const ids = listChats(state).map(({ conversation }) => conversation.id);
      const index = state.selectedId === null ? -1 : ids.indexOf(state.selectedId);
      const next = ids[Math.min(ids.length - 1, Math.max(0, index + by))];
      if (next !== undefined) open(next);
    };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || document.querySelector('dialog[open]') !== null) return;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        document.querySelector<HTMLInputElement>('#search')?.focus();
      } else if (event.altKey && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
        event.preventDefault();
        step(event.key === 'ArrowDown' ? 1 : -1);
      } else if (event.key === 'Escape') {
        close(messenger.store.get().selectedId, open);
      }
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, [messenger, open]);
}

/** Closes the conversation, and focuses its row in the list. */
function close(selectedId: string | null, open: (conversationId: string | null) => void): void {
  if (selectedId === null) return;
  open(null);
  requestAnimationFrame(() =>
    document.querySelector<HTMLElement>(`[data-conversation="${selectedId}"]`)?.focus(),
  );
}
