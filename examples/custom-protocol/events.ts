import { allowPartial, type Context, type EventHandler, gateway } from 'gatewayworker';
import type { DashboardMessage } from './dashboard-message.ts';

interface DeviceSession {
  readonly name: string;
  /** What it reported last. */
  readonly value?: string;
}

/** Groups of the dashboards and of the devices. */
const DASHBOARDS = 'dashboards';
const DEVICES = 'devices';

/** Longest value in bytes that is kept for dashboards that open later. */
const MAX_VALUE_BYTES = 64;

/** A device has a name of letters, digits and dashes: it becomes its uid. */
const DEVICE_NAME = /^[a-z0-9-]{1,32}$/;

/** Which gateway a client came by tells what it is. */
function isDevice(ctx: Context<DeviceSession>): boolean {
  return ctx.gatewayName === 'device-gateway';
}

/** Devices report values; dashboards see them, and send commands to single devices. */
export class Events implements EventHandler<DeviceSession> {
  async onConnect(clientId: string, ctx: Context<DeviceSession>): Promise<void> {
    if (isDevice(ctx)) {
      ctx.send('name?');
      return;
    }
    // Joined first: what a device reports during the query comes too.
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
    if (ctx.session !== undefined) tellDashboards({ device: ctx.session.name, gone: true });
  }

  #handleName(clientId: string, name: string, ctx: Context<DeviceSession>): void {
    if (!DEVICE_NAME.test(name)) {
      gateway.closeClient(clientId, 'bad name');
      return;
    }
    ctx.session = { name };
    gateway.bindUid(clientId, name);
    gateway.joinGroup(clientId, DEVICES);
    tellDashboards({ device: name, here: true });
  }

  #handleValue(value: string, ctx: Context<DeviceSession>, name: string): void {
    if (Buffer.byteLength(value) <= MAX_VALUE_BYTES) ctx.session = { name, value };
    tellDashboards({ device: name, value });
  }

  /** `boiler-1 off` tells the device `boiler-1` to do `off`; `* off` tells everybody, dashboards too. */
  #handleCommand(text: string, ctx: Context<DeviceSession>): void {
    const [, device = '', command = ''] = /^(\S+) (.{1,200})$/.exec(text) ?? [];
    if (device === '*') gateway.sendToAll(command);
    else if (DEVICE_NAME.test(device)) gateway.sendToUid(device, command);
    else ctx.send(encode({ error: 'say: <device> <command>' }));
  }
}

function tellDashboards(message: DashboardMessage): void {
  gateway.sendToGroup(DASHBOARDS, encode(message));
}

function encode(message: DashboardMessage): string {
  return JSON.stringify(message);
}

function pickValue({ value }: DeviceSession): { readonly value?: string } {
  return value === undefined ? {} : { value };
}
