import { type Context, type EventHandler, gateway, RequestError } from 'gatewayworker';
import type { ReconnectProtocol } from './protocol.ts';

type ToClient = ReconnectProtocol['ServerToClient'];

function reply(ctx: Context, message: ToClient): void {
  ctx.send(JSON.stringify(message));
}

export const Events: EventHandler = {
  onMessage(_clientId, message, ctx) {
    const { text } = Object(JSON.parse(message.toString()));
    reply(ctx, { text: `you said: ${text}` });
  },

  onRequest(clientId, type, data) {
    if (type === 'sum' && Array.isArray(data)) {
      return data.reduce((sum, value) => sum + Number(value), 0);
    }
    if (type === 'logout') {
      // Codes 4000 to 4399 and 4500 to 4999 tell the client not to connect again.
      gateway.closeClient(clientId, null, { code: 4001, reason: 'logged out' });
      return undefined;
    }
    throw new RequestError('unknown', `no request has the type ${type}`);
  },
};
