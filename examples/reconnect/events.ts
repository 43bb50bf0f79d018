import { type EventHandler, gateway } from 'gatewayworker';

export const Events: EventHandler = {
  /** Codes 4000 to 4999 belong to the application; the page does not reconnect after them. */
  onMessage(clientId, message, ctx) {
    if (message.toString() !== 'logout') ctx.send(`you said: ${message}`);
    else gateway.closeClient(clientId, null, { code: 4001, reason: 'logged out' });
  },
};
