import type { EventHandler } from 'gatewayworker';
import { UserRate } from './user-rate.ts';

const rate = new UserRate();

export const Events: EventHandler = {
  onWorkerStart({ signal }) {
    const timer = setInterval(() => rate.sweep(performance.now()), 10_000);
    signal.addEventListener('abort', () => clearInterval(timer));
  },

  /** The uid is what the URL says; examples/login shows how to prove it. */
  onHandshake({ query }) {
    const uid = query.get('uid') ?? '';
    if (!/^[\w-]{1,32}$/.test(uid)) return { accept: false, status: 400, reason: 'no ?uid=' };
    return { accept: true, uid };
  },

  onMessage(_clientId, message, ctx) {
    const retryAfterMs = rate.take(ctx.uid ?? '', performance.now());
    if (retryAfterMs > 0) ctx.send(JSON.stringify({ error: 'too fast', retryAfterMs }));
    else ctx.send(JSON.stringify({ accepted: message.toString() }));
  },
};
