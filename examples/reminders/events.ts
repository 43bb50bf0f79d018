import { allowPartial, type EventHandler, gateway } from 'gatewayworker';
import { addReminder, closeReminders, findDueUids, takeDue } from './reminders.ts';

export const Events: EventHandler = {
  /** One process runs the timer. If it crashes, the process that replaces it has the same id. */
  onWorkerStart({ id, signal, logger }) {
    if (id !== 0) return;
    const timer = setInterval(() => {
      remind().catch((error: unknown) => logger.warn({ err: error }, 'reminders failed'));
    }, 1000);
    signal.addEventListener('abort', () => clearInterval(timer));
  },

  onHandshake({ query }) {
    const uid = query.get('uid') ?? '';
    if (!/^[\w-]{1,32}$/.test(uid)) return { accept: false, status: 400, reason: 'no ?uid=' };
    return { accept: true, uid };
  },

  /** `10 water the plants` reminds the user in 10 seconds, on every connection of the user. */
  onMessage(_clientId, message, ctx) {
    const [, seconds, text] = /^(\d{1,6}) (.{1,200})$/.exec(message.toString()) ?? [];
    if (text) addReminder(ctx.uid ?? '', text, Date.now() + 1000 * Number(seconds));
    ctx.send(text ? 'stored' : 'send: <seconds> <text>');
  },

  onWorkerStop() {
    closeReminders();
  },
};

async function remind(): Promise<void> {
  const uids = findDueUids(Date.now());
  // Reminders of users who are offline stay in the database.
  for (const [uid, isOnline] of (await allowPartial(gateway.isUidsOnline(uids))) ?? []) {
    if (!isOnline) continue;
    for (const text of takeDue(uid, Date.now())) gateway.sendToUid(uid, `reminder: ${text}`);
  }
}
