import { type Context, type EventHandler, gateway } from 'gatewayworker';

/** The application: replace it with yours. Everybody hears what anybody says, whichever gateway they are on. */
export class Events implements EventHandler {
  onConnect(clientId: string, ctx: Context): void {
    gateway.joinGroup(clientId, 'everybody');
    const { remoteAddress } = ctx;
    ctx.send(JSON.stringify({ type: 'welcome', clientId, remoteAddress }));
  }

  onMessage(clientId: string, message: string | Buffer): void {
    const said = { type: 'said', clientId, text: message.toString() };
    gateway.sendToGroup('everybody', JSON.stringify(said));
  }
}
