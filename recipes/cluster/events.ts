import { type Context, type EventHandler, gateway } from 'gatewayworker';

/** The application: replace it with yours. Every client receives the messages of all clients, on all gateways. */
export class Events implements EventHandler {
  onConnect(clientId: string, ctx: Context): void {
    gateway.joinGroup(clientId, 'all');
    const { remoteAddress } = ctx;
    ctx.send(JSON.stringify({ type: 'welcome', clientId, remoteAddress }));
  }

  onMessage(clientId: string, message: string | Buffer): void {
    const event = { type: 'said', clientId, text: message.toString() };
    gateway.sendToGroup('all', JSON.stringify(event));
  }
}
