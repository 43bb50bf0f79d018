import { type Context, type EventHandler, gateway } from 'gatewayworker';
import { GREETING } from './greeting.ts';

/**
 * Greets a client, and handles the five messages of the load generator: `e…` echo, `j<group>` join, `u<uid>` bind,
 * `g…` send to group g, `t<uid> …` send to a uid.
 */
export class Events implements EventHandler {
  onConnect(_clientId: string, ctx: Context): void {
    ctx.send(GREETING);
  }

  onMessage(clientId: string, message: string | Buffer, ctx: Context): void {
    const text = String(message);
    switch (text[0]) {
      case 'e':
        ctx.send(text);
        break;
      case 'j':
        gateway.joinGroup(clientId, text.slice(1));
        ctx.send('J');
        break;
      case 'u':
        gateway.bindUid(clientId, text.slice(1));
        ctx.send('U');
        break;
      case 'g':
        gateway.sendToGroup('g', text);
        break;
      case 't':
        gateway.sendToUid(text.slice(1, text.indexOf(' ')), text);
        break;
      default:
        break;
    }
  }
}
