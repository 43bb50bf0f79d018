import { useSyncExternalStore } from 'react';

/** Returns true if the page is visible and focused: then shown messages count as read. */
export function useAttention(): boolean {
  return useSyncExternalStore(subscribe, hasAttention);
}

function hasAttention(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus();
}

function subscribe(listener: () => void): () => void {
  addEventListener('focus', listener);
  addEventListener('blur', listener);
  document.addEventListener('visibilitychange', listener);
  return () => {
    removeEventListener('focus', listener);
    removeEventListener('blur', listener);
    document.removeEventListener('visibilitychange', listener);
  };
}
