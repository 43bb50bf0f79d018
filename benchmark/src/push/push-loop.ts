import { messageText, numberText, sendTimePosition } from '../load/client-frames.ts';
import { monotonicMicros, writeSendTime } from '../load/send-time.ts';
import type { PushCommand } from './push-plan.ts';

/** Most messages sent in one turn of the event loop, so that incoming messages are read in between. */
const PER_TURN = 100;

/**
 * Sends to one uid after the other, with a limited number of messages in flight. The parent reports how many have
 * arrived.
 *
 * @param send - returns false when there is no room for the message now
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
    // With a full window, wait for the next report; otherwise continue in the next turn.
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

/** Creates the next message: its uid, and a text with the send time. */
function nextMessage(number: number, size: number): [uid: string, text: string] {
  const bytes = Buffer.from(messageText('receive', size, { sender: 0, receiver: number }));
  writeSendTime(bytes, sendTimePosition('receive'), monotonicMicros());
  return [numberText(number), bytes.toString('latin1')];
}
