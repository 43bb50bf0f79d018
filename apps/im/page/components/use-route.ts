import { useCallback, useEffect } from 'react';
import type { Messenger } from '../client/messenger.ts';

/** State of an address behind which the list is. */
const fromList = 'from the list';

/**
 * Keeps the open conversation in the address, so that the back button of a phone leads to the list, and a page that is
 * loaded anew shows the same; answers how to open one.
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
        // From one conversation to the next is no way back: that is the list.
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
