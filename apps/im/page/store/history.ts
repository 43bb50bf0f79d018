import type { Message } from '../../shared/model.ts';

/** The loaded messages of a conversation: those up to `have` without a gap, and early ones after a gap. */
export interface History {
  /** Consecutive, by `seq`; the last one is `have`. */
  readonly messages: readonly Message[];
  /** All messages up to this `seq` are known. */
  readonly have: number;
  /** After a gap, by `seq`. */
  readonly early: readonly Message[];
}

/** Maximum number of buffered messages after a gap; the catch-up fetches the others. */
const maxEarly = 500;

/**
 * Creates a history with only the newest message, if there is one.
 *
 * It ends with that message even if `lastSeq` is greater: the following messages are fetched, without duplicates.
 */
export function createHistory(lastSeq: number, lastMessage: Message | null): History {
  if (lastMessage === null) return { messages: [], have: lastSeq, early: [] };
  return { messages: [lastMessage], have: lastMessage.seq, early: [] };
}

/** Returns the `seq` of the first loaded message; of the next expected one if none is loaded. */
export function firstOf({ messages, have }: History): number {
  return messages[0]?.seq ?? have + 1;
}

/** Adds a delivered message, in any order and without duplicates. */
export function placeMessage(history: History, message: Message): History {
  if (message.seq <= history.have) return history;
  if (message.seq === history.have + 1) return append(history, [message]);
  const isKnown = history.early.some(({ seq }) => seq === message.seq);
  if (isKnown || history.early.length >= maxEarly) return history;
  const early = [...history.early, message].sort((one, other) => one.seq - other.seq);
  return { ...history, early };
}

/** Adds the response to `?after=`, by `seq`. */
export function placeNewer(history: History, messages: readonly Message[]): History {
  const news = messages.filter(({ seq }) => seq > history.have);
  const [first] = news;
  if (first === undefined) return history;
  // Messages before the member joined are not available.
  if (first.seq > history.have + 1) return restart(history, news);
  return append(history, news);
}

/** Adds the response to `?before=`, by `seq`; ignored unless it ends directly before this history. */
export function placeOlder(history: History, messages: readonly Message[]): History {
  const first = firstOf(history);
  const older = messages.filter(({ seq }) => seq < first);
  if (older.at(-1)?.seq !== first - 1) return history;
  return { ...history, messages: [...older, ...history.messages] };
}

/** Replaces the loaded messages by the newest page, unless they are newer. */
export function restart(history: History, messages: readonly Message[]): History {
  const last = messages.at(-1);
  if (last === undefined || last.seq <= history.have) return history;
  return append({ messages: [], have: firstSeqBefore(messages), early: history.early }, messages);
}

/** Removes all except the newest messages. */
export function trim(history: History, count: number): History {
  if (history.messages.length <= count) return history;
  return { ...history, messages: history.messages.slice(-count) };
}

function firstSeqBefore(messages: readonly Message[]): number {
  return (messages[0]?.seq ?? 1) - 1;
}

/** Appends messages, and the early ones that follow them. */
function append(history: History, next: readonly Message[]): History {
  const messages = [...history.messages];
  let { have } = history;
  for (const message of [...next, ...history.early]) {
    if (message.seq !== have + 1) continue;
    messages.push(message);
    have = message.seq;
  }
  return { messages, have, early: history.early.filter(({ seq }) => seq > have) };
}
