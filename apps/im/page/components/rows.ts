import type { Message } from '../../shared/model.ts';
import type { Outgoing } from '../store/outgoing.ts';
import { isSameDay } from '../text/times.ts';

/** A row of the message list. */
export type Row =
  | { readonly kind: 'day'; readonly key: string; readonly time: number }
  /** Separator before messages that were unread when the conversation was opened. */
  | { readonly kind: 'new'; readonly key: string }
  | {
      readonly kind: 'message';
      readonly key: string;
      readonly message: Message;
      /** True if the previous message has another sender, or is older than the group time. */
      readonly isFirst: boolean;
    }
  | {
      readonly kind: 'outgoing';
      readonly key: string;
      readonly outgoing: Outgoing;
      readonly isFirst: boolean;
    };

/** Messages of one sender within this time form a group, in milliseconds. */
const groupMs = 5 * 60_000;

interface RowsInput {
  readonly messages: readonly Message[];
  readonly outgoing: readonly Outgoing[];
  /** Messages after this `seq` are new. */
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
    const isFirst = before?.senderId !== senderId || time - before.time > groupMs;
    rows.push({ kind: 'message', key: keyOf(message), message, isFirst });
    before = message.content.kind === 'notice' ? undefined : { senderId, time };
  }
  for (const one of outgoing) {
    const isFirst = before?.senderId !== meId || one.createdAt - before.time > groupMs;
    rows.push({ kind: 'outgoing', key: `${meId} ${one.clientId}`, outgoing: one, isFirst });
    before = { senderId: meId, time: one.createdAt };
  }
  return rows;
}

/** Equal for an unsent message and the stored one, so that React keeps the element. */
function keyOf({ id, senderId, clientId }: Message): string {
  return clientId === null ? id : `${senderId} ${clientId}`;
}

function isOfOthers({ senderId, content }: Message, meId: string): boolean {
  return senderId !== meId && content.kind !== 'notice';
}
