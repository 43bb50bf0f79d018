import { type Context, type EventHandler, gateway } from 'gatewayworker';

/** Uses every table that a client can be in. */
export class Events implements EventHandler<{ said: number }> {
  onConnect(clientId: string, ctx: Context<{ said: number }>): void {
    ctx.session = { said: 0 };
    gateway.bindUid(clientId, `user ${clientId.slice(-2)}`);
    for (const room of ['all', clientId.slice(-1), clientId]) gateway.joinGroup(clientId, room);
  }

  async onMessage(
    clientId: string,
    message: string | Buffer,
    ctx: Context<{ said: number }>,
  ): Promise<void> {
    ctx.session = { said: (ctx.session?.said ?? 0) + 1 };
    if (ctx.session.said % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    ctx.send(message);
    gateway.sendToGroup(clientId.slice(-1), message, { exclude: [clientId] });
    gateway.sendToUid(`user ${clientId.slice(-2)}`, message);
  }

  onClose(clientId: string): void {
    gateway.sendToGroup(clientId.slice(-1), 'gone');
  }
}
