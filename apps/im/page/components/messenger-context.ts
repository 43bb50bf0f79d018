import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Messenger } from '../client/messenger.ts';
import type { State } from '../store/state.ts';

/** Shared dependencies of all components. */
export interface MessengerContextValue {
  readonly messenger: Messenger;
  /** Shows a notice for a few seconds. */
  readonly notify: (text: string) => void;
  /** Shows a conversation, or none. */
  readonly open: (conversationId: string | null) => void;
  readonly logOut: (everywhere: boolean) => Promise<void>;
}

export const MessengerContext: React.Context<MessengerContextValue | null> =
  createContext<MessengerContextValue | null>(null);

export function useMessengerContext(): MessengerContextValue {
  const context = useContext(MessengerContext);
  if (context === null) throw new Error('no messenger context');
  return context;
}

export function useMessenger(): Messenger {
  return useMessengerContext().messenger;
}

/** Returns the state; re-renders the component on every change. */
export function useMessengerState(): State {
  const { store } = useMessenger();
  return useSyncExternalStore(store.subscribe, store.get);
}
