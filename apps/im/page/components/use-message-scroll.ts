import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { hasOlder } from '../store/select.ts';
import type { Chat } from '../store/state.ts';
import { useMessenger } from './messenger-context.ts';
import { useAttention } from './use-attention.ts';

/** How the list of messages is scrolled. */
export interface MessageScroll {
  readonly props: {
    readonly ref: React.RefObject<HTMLDivElement | null>;
    readonly onScroll: () => void;
  };
  /** Whether the newest message is out of sight. */
  readonly isAway: boolean;
  /** Messages that have come meanwhile. */
  readonly missed: number;
  readonly toBottom: () => void;
}

/** Nearer to an end than this counts as there, in pixels. */
const nearBottom = 60;
const nearTop = 600;

/**
 * Stays at the newest message while somebody is there, and at what they look at while they are not, also when older
 * messages come above it; fetches those in time, and tells what was seen.
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
    // What has failed waits to be asked for: else it would fail over and over.
    if (current?.older !== 'idle' || !hasOlder(current)) return;
    messenger.loadOlder(id).catch(() => undefined);
  }, [messenger, id]);

  const see = useCallback(() => {
    if (!hasAttention || !isAtBottom.current) return;
    messenger.see(id, messenger.store.get().chats.get(id)?.history.have ?? 0);
  }, [messenger, hasAttention, id]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever changes what is shown may change its height
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const before = shown.current;
    if (waiting > before.waiting) isAtBottom.current = true;
    if (isAtBottom.current) element.scrollTop = element.scrollHeight;
    else if (first < before.first) element.scrollTop += element.scrollHeight - before.height;
    shown.current = { first, waiting, height: element.scrollHeight };
  }, [history.messages, waiting, first, chat.older]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each of them may bring something new into sight
  useEffect(() => {
    see();
    loadOlder();
  }, [see, loadOlder, history.messages, chat.older]);

  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    // The keyboard of a phone, or a line more to write in, takes room from the list.
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
    see();
    loadOlder();
  };

  const toBottom = () => {
    ref.current?.scrollTo({ top: ref.current.scrollHeight });
  };
  const missed = isAway ? Math.max(0, history.have - leftAt) : 0;
  return { props: { ref, onScroll }, isAway, missed, toBottom };
}
