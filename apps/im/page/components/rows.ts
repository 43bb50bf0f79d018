import type { Message } from '../../shared/model.ts';
import type { Outgoing } from '../store/outgoing.ts';
import { isSameDay } from '../text/times.ts';

/** What stands in a list of messages, from the top. */
export type Row =
  | { readonly kind: 'day'; readonly key: string; readonly time: number }
  /** What follows was new when the conversation was opened. */
  | { readonly kind: 'new'; readonly key: string }
  | {
      readonly kind: 'message';
      readonly key: string;
      readonly message: Message;
      /** Whether the one before it is of somebody else, or long ago. */
      readonly isFirst: boolean;
    }
  | {
      readonly kind: 'outgoing';
      readonly key: string;
      readonly outgoing: Outgoing;
      readonly isFirst: boolean;
    };

/** Messages of one person within this time stand together, in milliseconds. */
const togetherMs = 5 * 60_000;

interface RowsInput {
  readonly messages: readonly Message[];
  readonly outgoing: readonly Outgoing[];
  /** Everything after this `seq` is new. */
  readonly newFrom: number | null;
  readonly meId: string;
}

export function toRows({ messages, outgoing, newFrom, meId }: RowsInput): Row[] {
  const rows: Row[] = [];
  let before: { senderId: string; time: number } | undefined;
  let day: number | undefined;
  let isNewShown = newFrom === null;
  for (const message of messages) {
    const { senderId, sentAt: time, seq } = message;
    if (day === undefined || !isSameDay(day, time)) {
      rows.push({ kind: 'day', key: `day-${seq}`, time });
      before = undefined;
    }
    day = time;
    if (!isNewShown && newFrom !== null && seq > newFrom && isOfOthers(message, meId)) {
      isNewShown = true;
      rows.push({ kind: 'new', key: 'new' });
      before = undefined;
    }
    const isFirst = before?.senderId !== senderId || time - before.time > togetherMs;
    rows.push({ kind: 'message', key: keyOf(message), message, isFirst });
    before = message.content.kind === 'notice' ? undefined : { senderId, time };
  }
  for (const one of outgoing) {
    const isFirst = before?.senderId !== meId || one.createdAt - before.time > togetherMs;
    rows.push({ kind: 'outgoing', key: `${meId} ${one.clientId}`, outgoing: one, isFirst });
    before = { senderId: meId, time: one.createdAt };
  }
  return rows;
}

/** The same for a message that waits and for the one that it becomes, which takes its place. */
function keyOf({ id, senderId, clientId }: Message): string {
  return clientId === null ? id : `${senderId} ${clientId}`;
}

function isOfOthers({ senderId, content }: Message, meId: string): boolean {
  return senderId !== meId && content.kind !== 'notice';
}
