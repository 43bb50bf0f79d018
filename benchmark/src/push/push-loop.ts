import { messageText, numberText, sendTimePosition } from '../load/client-frames.ts';
import { monotonicMicros, writeSendTime } from '../load/send-time.ts';
import type { PushCommand } from './push-plan.ts';

/** Messages that leave in one turn at most, so that what comes in is seen between. */
const PER_TURN = 100;

/**
 * Sends to one uid after the other, with so many messages under way at a time, as its parent tells what has
 * arrived.
 *
 * @param send - answers false when there is no room for the message now
 */
export function servePush(send: (uid: string, text: string) => boolean): void {
  let plan: Extract<PushCommand, { type: 'push' }> | undefined;
  let received = 0;
  let sent = 0;
  let isScheduled = false;
  const turn = (): void => {
    isScheduled = false;
    if (plan === undefined) return;
    const room = plan.window - (sent - received);
    const end = sent + Math.min(room, PER_TURN);
    while (sent < end && send(...nextMessage(sent % plan.uids, plan.size))) sent += 1;
    // A full window waits for word of what has arrived, anything else for the next turn.
    if (room > PER_TURN || sent < end) schedule();
  };
  const schedule = (): void => {
    if (!isScheduled) setImmediate(turn);
    isScheduled = true;
  };
  process.on('message', (command: PushCommand) => {
    if (command.type === 'push') plan = command;
    else received = command.messages;
    schedule();
  });
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}

/** A uid and a message to it, with the time at which it leaves. */
function nextMessage(number: number, size: number): [uid: string, text: string] {
  const bytes = Buffer.from(messageText('receive', size, { sender: 0, receiver: number }));
  writeSendTime(bytes, sendTimePosition('receive'), monotonicMicros());
  return [numberText(number), bytes.toString('latin1')];
}
