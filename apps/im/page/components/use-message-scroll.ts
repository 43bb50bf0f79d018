import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { hasOlder } from '../store/select.ts';
import type { Chat } from '../store/state.ts';
import { useMessenger } from './messenger-context.ts';
import { useAttention } from './use-attention.ts';

/** Scroll state of the message list. */
export interface MessageScroll {
  readonly props: {
    readonly ref: React.RefObject<HTMLDivElement | null>;
    readonly onScroll: () => void;
  };
  /** True if the newest message is not visible. */
  readonly isAway: boolean;
  /** Number of messages that have arrived since then. */
  readonly missed: number;
  readonly toBottom: () => void;
}

/** Distances from the bottom and the top that count as there, in pixels. */
const nearBottom = 60;
const nearTop = 600;

/**
 * Keeps the newest message in view if the list is at the bottom; otherwise keeps the visible messages in place, also when
 * older ones are added above. Loads older messages before they are needed, and marks visible messages as read.
 */
export function useMessageScroll(chat: Chat, waiting: number): MessageScroll {
  const messenger = useMessenger();
  const hasAttention = useAttention();
  const ref = useRef<HTMLDivElement>(null);
  const isAtBottom = useRef(true);
  const [isAway, setAway] = useState(false);
  const [leftAt, setLeftAt] = useState(0);
  const { conversation, history } = chat;
  const { id } = conversation;
  const first = history.messages[0]?.seq ?? history.have + 1;
  const shown = useRef({ first, waiting, height: 0 });

  const loadOlder = useCallback(() => {
    const element = ref.current;
    if (element === null || element.scrollTop > nearTop) return;
    const current = messenger.store.get().chats.get(id);
    // After a failure only the button retries; otherwise it would fail repeatedly.
    if (current?.older !== 'idle' || !hasOlder(current)) return;
    messenger.loadOlder(id).catch(() => undefined);
  }, [messenger, id]);

  const markRead = useCallback(() => {
    if (!hasAttention || !isAtBottom.current) return;
    messenger.markRead(id, messenger.store.get().chats.get(id)?.history.have ?? 0);
  }, [messenger, hasAttention, id]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each dependency may change the height
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const previous = shown.current;
    if (waiting > previous.waiting) isAtBottom.current = true;
    if (isAtBottom.current) element.scrollTop = element.scrollHeight;
    else if (first < previous.first) element.scrollTop += element.scrollHeight - previous.height;
    shown.current = { first, waiting, height: element.scrollHeight };
  }, [history.messages, waiting, first, chat.older]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each dependency may make messages visible
  useEffect(() => {
    markRead();
    loadOlder();
  }, [markRead, loadOlder, history.messages, chat.older]);

  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    // The on-screen keyboard and a growing text field reduce the height of the list.
    const observer = new ResizeObserver(() => {
      if (isAtBottom.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    if (element.lastElementChild !== null) observer.observe(element.lastElementChild);
    return () => observer.disconnect();
  }, []);

  const onScroll = () => {
    const element = ref.current;
    if (element === null) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    isAtBottom.current = below < nearBottom;
    if (isAtBottom.current === isAway) {
      setAway(!isAtBottom.current);
      setLeftAt(history.have);
    }
    markRead();
    loadOlder();
  };

  const toBottom = () => {
    ref.current?.scrollTo({ top: ref.current.scrollHeight });
  };
  const missed = isAway ? Math.max(0, history.have - leftAt) : 0;
  return { props: { ref, onScroll }, isAway, missed, toBottom };
}
