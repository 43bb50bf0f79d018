import { type Context, type EventHandler, gateway } from 'gatewayworker';

interface DeviceSession {
  readonly name: string;
}

/** Group of the dashboards. */
const DASHBOARDS = 'dashboards';

/** A device has a name of letters, digits and dashes: it becomes its uid. */
const DEVICE_NAME = /^[a-z0-9-]{1,32}$/;

/** Which gateway a client came by tells what it is. */
function isDevice(ctx: Context<DeviceSession>): boolean {
  return ctx.gatewayName === 'device-gateway';
}

/** Devices report values; dashboards see them, and send commands to single devices. */
export class Events implements EventHandler<DeviceSession> {
  onConnect(clientId: string, ctx: Context<DeviceSession>): void {
    if (isDevice(ctx)) ctx.send('name?');
    else gateway.joinGroup(clientId, DASHBOARDS);
  }

  onMessage(clientId: string, message: string | Buffer, ctx: Context<DeviceSession>): void {
    const text = message.toString();
    if (!isDevice(ctx)) this.#handleCommand(text, ctx);
    else if (ctx.session === undefined) this.#handleName(clientId, text, ctx);
    else tellDashboards({ device: ctx.session.name, value: text });
  }

  onClose(_clientId: string, ctx: Context<DeviceSession>): void {
    if (ctx.session !== undefined) tellDashboards({ device: ctx.session.name, gone: true });
  }

  #handleName(clientId: string, name: string, ctx: Context<DeviceSession>): void {
    if (!DEVICE_NAME.test(name)) {
      gateway.closeClient(clientId, 'bad name');
      return;
    }
    ctx.session = { name };
    gateway.bindUid(clientId, name);
    tellDashboards({ device: name, here: true });
  }

  /** `boiler-1 off` tells the device `boiler-1` to do `off`; `* off` tells everybody, dashboards too. */
  #handleCommand(text: string, ctx: Context<DeviceSession>): void {
    const [, device = '', command = ''] = /^(\S+) (.{1,200})$/.exec(text) ?? [];
    if (device === '*') gateway.sendToAll(command);
    else if (DEVICE_NAME.test(device)) gateway.sendToUid(device, command);
    else ctx.send(JSON.stringify({ error: 'say: <device> <command>' }));
  }
}

function tellDashboards(notice: object): void {
  gateway.sendToGroup(DASHBOARDS, JSON.stringify(notice));
}
