import { useCallback, useEffect } from 'react';
import type { Messenger } from '../client/messenger.ts';

/** State of a history entry that was pushed from the list. */
const fromList = 'from the list';

/**
 * Keeps the open conversation in the URL: the back button returns to the list, and a reload shows the same conversation.
 * Returns a function that opens a conversation.
 */
export function useRoute({ store }: Messenger): (conversationId: string | null) => void {
  useEffect(() => {
    const follow = () => store.dispatch({ type: 'selected', conversationId: readRoute() });
    follow();
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, [store]);
  return useCallback(
    (conversationId) => {
      const current = store.get().selectedId;
      if (conversationId === current) return;
      if (conversationId === null) {
        if (history.state === fromList) history.back();
        else history.replaceState(null, '', '/');
      } else {
        const address = `/#${conversationId}`;
        // Switching conversations replaces the entry, so that the back button returns to the list.
        if (current === null) history.pushState(fromList, '', address);
        else history.replaceState(history.state, '', address);
      }
      store.dispatch({ type: 'selected', conversationId });
    },
    [store],
  );
}

function readRoute(): string | null {
  return /^#(\d{1,20})$/.exec(location.hash)?.[1] ?? null;
}
