import { type EventHandler, gateway } from 'gatewayworker';

export const Events: EventHandler = {
  /** 4000 to 4999 are codes of the application; the page takes them for final. */
  onMessage(clientId, message, ctx) {
    if (message.toString() !== 'logout') ctx.send(`you said: ${message}`);
    else gateway.closeClient(clientId, null, { code: 4001, reason: 'logged out' });
  },
};
