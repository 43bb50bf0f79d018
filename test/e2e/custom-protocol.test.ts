import { join } from 'node:path';
import {
  type Cluster,
  eventually,
  freePorts,
  openClient,
  openTcpPeer,
  startCluster,
  type TcpPeer,
  type TestClient,
} from '@gatewayworker/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deviceProtocol } from '../../examples/custom-protocol/device-protocol.ts';

let cluster: Cluster;
let devicePort = 0;
let dashboardPort = 0;

beforeAll(async () => {
  const ports = await freePorts(8);
  [devicePort = 0, dashboardPort = 0] = ports;
  cluster = await startCluster({
    file: join(import.meta.dirname, '../../examples/custom-protocol/start.ts'),
    env: {
      DEVICES_PORT: String(devicePort),
      DEVICES_DASHBOARD_PORT: String(dashboardPort),
      DEVICES_REGISTER_PORT: String(ports[2]),
      DEVICES_INNER_PORT: String(ports[3]),
      DEVICES_PAGE_PORT: String(ports[7]),
    },
  });
});

afterAll(() => cluster.dispose());

/** A device that has said its name. */
async function openDevice(name: string): Promise<TcpPeer> {
  const device = await openTcpPeer(devicePort);
  await eventually(() => heard(device).includes('name?'));
  device.send(deviceProtocol.encode(name));
  return device;
}

/** Everything that a device was told. */
function heard(device: TcpPeer): (string | Uint8Array)[] {
  const messages: (string | Uint8Array)[] = [];
  let rest = device.received;
  while (rest.length > 0) {
    const decoded = deviceProtocol.decode(rest);
    if (decoded === undefined) break;
    messages.push(decoded.message);
    rest = rest.subarray(decoded.byteLength);
  }
  return messages;
}

async function until(dashboard: TestClient, notice: object): Promise<void> {
  const text = JSON.stringify(notice);
  await eventually(() => dashboard.messages.includes(text));
}

test('devices report to every dashboard, and a dashboard talks to one device', async () => {
  const dashboards = await Promise.all(Array.from({ length: 4 }, () => openClient(dashboardPort)));
  const [boiler, lamp] = [await openDevice('boiler-1'), await openDevice('lamp')];
  for (const dashboard of dashboards) await until(dashboard, { device: 'boiler-1', here: true });
  boiler.send(
    Buffer.concat(['21.5', '21.6'].map((text) => Buffer.from(deviceProtocol.encode(text)))),
  );
  for (const dashboard of dashboards) await until(dashboard, { device: 'boiler-1', value: '21.6' });
  dashboards[0]?.send('boiler-1 off');
  await eventually(() => heard(boiler).includes('off'));
  expect(heard(lamp)).not.toContain('off');
  boiler.destroy();
  for (const dashboard of dashboards) await until(dashboard, { device: 'boiler-1', gone: true });
  lamp.destroy();
  for (const dashboard of dashboards) dashboard.terminate();
});

test('a broadcast reaches devices and dashboards, framed for each', async () => {
  const dashboards = await Promise.all([openClient(dashboardPort), openClient(dashboardPort)]);
  const devices = [await openDevice('a'), await openDevice('b'), await openDevice('c')];
  for (const name of ['a', 'b', 'c']) {
    for (const dashboard of dashboards) await until(dashboard, { device: name, here: true });
  }
  dashboards[0]?.send('* stop');
  for (const dashboard of dashboards) await eventually(() => dashboard.messages.includes('stop'));
  for (const device of devices) await eventually(() => heard(device).includes('stop'));
  for (const client of [...devices]) client.destroy();
  for (const dashboard of dashboards) dashboard.terminate();
});

test('a broken frame closes that device only', async () => {
  const [broken, other] = [await openDevice('broken'), await openDevice('other')];
  const frame = Buffer.from(deviceProtocol.encode('1'));
  frame.writeUInt8(0xff, frame.length - 1);
  broken.send(frame);
  await broken.ended;
  const dashboard = await openClient(dashboardPort);
  other.send(deviceProtocol.encode('2'));
  await eventually(() => {
    other.send(deviceProtocol.encode('2'));
    return dashboard.messages.includes(JSON.stringify({ device: 'other', value: '2' }));
  });
  other.destroy();
  dashboard.terminate();
});
