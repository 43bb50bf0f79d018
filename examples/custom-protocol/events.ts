import { allowPartial, type Context, type EventHandler, gateway } from 'gatewayworker';
import type { DashboardMessage } from './dashboard-message.ts';

interface DeviceSession {
  readonly name: string;
  /** The last reported value. */
  readonly value?: string;
}

/** Groups. */
const DASHBOARDS = 'dashboards';
const DEVICES = 'devices';

/** Longest value that is stored for new dashboards, in bytes. */
const MAX_VALUE_BYTES = 64;

/** The name of a device, which becomes its uid. */
const DEVICE_NAME = /^[a-z0-9-]{1,32}$/;

/** Devices and dashboards connect to different gateways. */
function isDevice(ctx: Context<DeviceSession>): boolean {
  return ctx.gatewayName === 'device-gateway';
}

/** Devices report values to all dashboards; dashboards send commands to single devices. */
export class Events implements EventHandler<DeviceSession> {
  async onConnect(clientId: string, ctx: Context<DeviceSession>): Promise<void> {
    if (isDevice(ctx)) {
      ctx.send('name?');
      return;
    }
    // Join before the query: otherwise a value reported during the query would be missed.
    gateway.joinGroup(clientId, DASHBOARDS);
    const sessions = await allowPartial(gateway.getClientSessionsByGroup<DeviceSession>(DEVICES));
    const devices = Array.from(sessions?.values() ?? []).flatMap((session) =>
      session === undefined ? [] : [{ device: session.name, ...pickValue(session) }],
    );
    ctx.send(encode({ devices }));
  }

  onMessage(clientId: string, message: string | Buffer, ctx: Context<DeviceSession>): void {
    const text = message.toString();
    if (!isDevice(ctx)) this.#handleCommand(text, ctx);
    else if (ctx.session === undefined) this.#handleName(clientId, text, ctx);
    else this.#handleValue(text, ctx, ctx.session.name);
  }

  onClose(_clientId: string, ctx: Context<DeviceSession>): void {
    if (ctx.session !== undefined) notifyDashboards({ device: ctx.session.name, gone: true });
  }

  #handleName(clientId: string, name: string, ctx: Context<DeviceSession>): void {
    if (!DEVICE_NAME.test(name)) {
      gateway.closeClient(clientId, 'bad name');
      return;
    }
    ctx.session = { name };
    gateway.bindUid(clientId, name);
    gateway.joinGroup(clientId, DEVICES);
    notifyDashboards({ device: name, here: true });
  }

  #handleValue(value: string, ctx: Context<DeviceSession>, name: string): void {
    if (Buffer.byteLength(value) <= MAX_VALUE_BYTES) ctx.session = { name, value };
    notifyDashboards({ device: name, value });
  }

  /** `boiler-1 off` sends `off` to the device `boiler-1`; `* off` sends it to all clients, including dashboards. */
  #handleCommand(text: string, ctx: Context<DeviceSession>): void {
    const [, device = '', command = ''] = /^(\S+) (.{1,200})$/.exec(text) ?? [];
    if (device === '*') gateway.sendToAll(command);
    else if (DEVICE_NAME.test(device)) gateway.sendToUid(device, command);
    else ctx.send(encode({ error: 'expected: <device> <command>' }));
  }
}

function notifyDashboards(message: DashboardMessage): void {
  gateway.sendToGroup(DASHBOARDS, encode(message));
}

function encode(message: DashboardMessage): string {
  return JSON.stringify(message);
}

function pickValue({ value }: DeviceSession): { readonly value?: string } {
  return value === undefined ? {} : { value };
}
