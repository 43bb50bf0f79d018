import type { EventHandler } from 'gatewayworker';

/** The gateway ends TLS: the application does not see it. */
export const Events: EventHandler = {
  onMessage(_clientId, message, ctx) {
    ctx.send(`you said: ${message}`);
  },
};
