import type { Message } from '../../shared/model.ts';

/** What a page has of a conversation: its messages up to `have`, without a gap, and those that came too early. */
export interface History {
  /** By `seq`, each following the one before it; the last one is `have`. */
  readonly messages: readonly Message[];
  /** Everything up to this `seq` was seen to be there. */
  readonly have: number;
  /** Behind a gap, by `seq`. */
  readonly early: readonly Message[];
}

/** Messages that are kept behind a gap; more of them are found by the catch-up that closes it. */
const maxEarly = 500;

/**
 * A history of which nothing is there but the newest message, if there is one.
 *
 * It ends with that message, whatever `lastSeq` says: what follows is fetched, and nothing comes twice.
 */
export function beginHistory(lastSeq: number, lastMessage: Message | null): History {
  if (lastMessage === null) return { messages: [], have: lastSeq, early: [] };
  return { messages: [lastMessage], have: lastMessage.seq, early: [] };
}

/** `seq` of the first message that is there; the next one to come when none is. */
export function firstOf({ messages, have }: History): number {
  return messages[0]?.seq ?? have + 1;
}

/** Puts a message that came by itself in its place, once, whenever it comes. */
export function placeMessage(history: History, message: Message): History {
  if (message.seq <= history.have) return history;
  if (message.seq === history.have + 1) return append(history, [message]);
  const isKnown = history.early.some(({ seq }) => seq === message.seq);
  if (isKnown || history.early.length >= maxEarly) return history;
  const early = [...history.early, message].sort((one, other) => one.seq - other.seq);
  return { ...history, early };
}

/** Takes the answer to `?after=`, by `seq`. */
export function placeNewer(history: History, messages: readonly Message[]): History {
  const news = messages.filter(({ seq }) => seq > history.have);
  const [first] = news;
  if (first === undefined) return history;
  // What came before it is not for this member.
  if (first.seq > history.have + 1) return restart(history, news);
  return append(history, news);
}

/** Takes the answer to `?before=`, by `seq`; it is passed over unless it ends where this history begins. */
export function placeOlder(history: History, messages: readonly Message[]): History {
  const first = firstOf(history);
  const older = messages.filter(({ seq }) => seq < first);
  if (older.at(-1)?.seq !== first - 1) return history;
  return { ...history, messages: [...older, ...history.messages] };
}

/** Takes the newest page instead of all that is there, unless that is newer still. */
export function restart(history: History, messages: readonly Message[]): History {
  const last = messages.at(-1);
  if (last === undefined || last.seq <= history.have) return history;
  return append({ messages: [], have: firstSeqBefore(messages), early: history.early }, messages);
}

/** Forgets all but the newest messages. */
export function trim(history: History, count: number): History {
  if (history.messages.length <= count) return history;
  return { ...history, messages: history.messages.slice(-count) };
}

function firstSeqBefore(messages: readonly Message[]): number {
  return (messages[0]?.seq ?? 1) - 1;
}

/** Adds what follows, and what was waiting for it. */
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
