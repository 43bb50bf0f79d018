import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Messenger } from '../client/messenger.ts';
import type { State } from '../store/state.ts';

/** What every part of the page may need. */
export interface Surroundings {
  readonly messenger: Messenger;
  /** Shows a line for a few seconds. */
  readonly notify: (text: string) => void;
  /** Shows a conversation, or none. */
  readonly open: (conversationId: string | null) => void;
  readonly logOut: (everywhere: boolean) => Promise<void>;
}

export const MessengerContext: React.Context<Surroundings | null> =
  createContext<Surroundings | null>(null);

export function useSurroundings(): Surroundings {
  const surroundings = useContext(MessengerContext);
  if (surroundings === null) throw new Error('nobody is logged in');
  return surroundings;
}

export function useMessenger(): Messenger {
  return useSurroundings().messenger;
}

/** The state as it is; the component is shown anew whenever it changes. */
export function useMessengerState(): State {
  const { store } = useMessenger();
  return useSyncExternalStore(store.subscribe, store.get);
}
