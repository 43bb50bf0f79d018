import { spawn } from 'node:child_process';
import {
  eventually,
  freePorts,
  openClient,
  openTcpPeer,
  type TcpPeer,
  type TestClient,
} from '@gatewayworker/testing';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { deviceProtocol } from '../../examples/custom-protocol/device-protocol.ts';
import { launchBrowser } from './browser.ts';
import { compiled, type Example, startExample } from './start-example.ts';

let example: Example;
let devicePort = 0;
let dashboardPort = 0;
let pagePort = 0;

beforeAll(async () => {
  const ports = await freePorts(8);
  [devicePort = 0, dashboardPort = 0] = ports;
  pagePort = ports[7] ?? 0;
  example = await startExample('examples/custom-protocol/start.ts', {
    DEVICES_PORT: String(devicePort),
    DEVICES_DASHBOARD_PORT: String(dashboardPort),
    DEVICES_REGISTER_PORT: String(ports[2]),
    DEVICES_INNER_PORT: String(ports[3]),
    DEVICES_PAGE_PORT: String(pagePort),
  });
});

afterAll(() => example?.dispose());

/** A websocket of the dashboard page, which has joined its group; without its Origin the gateway refuses it. */
async function openDashboard(): Promise<TestClient> {
  const headers = { Origin: `http://127.0.0.1:${pagePort}` };
  const dashboard = await openClient(dashboardPort, '/', { headers });
  await eventually(() => dashboard.messages.some((text) => /^\{"devices":/.test(String(text))));
  return dashboard;
}

/** A device that has sent its name. */
async function openDevice(name: string): Promise<TcpPeer> {
  const device = await openTcpPeer(devicePort);
  await eventually(() => heard(device).includes('name?'));
  device.send(deviceProtocol.encode(name));
  return device;
}

/** All messages to a device. */
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

test('devices: report to every dashboard, a dashboard sends to one device', async () => {
  const dashboards = await Promise.all(Array.from({ length: 4 }, () => openDashboard()));
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

test('broadcast: reaches devices and dashboards, framed for each', async () => {
  const dashboards = await Promise.all([openDashboard(), openDashboard()]);
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

test('device dashboard: a page shows values, sends commands and sees who leaves', async () => {
  const env = { ...process.env, DEVICES_PORT: String(devicePort) };
  const file = compiled('examples/custom-protocol/device.ts');
  const device = spawn(process.execPath, [file, 'boiler-2', '21.5'], { env });
  onTestFinished(() => void device.kill());
  let printed = '';
  device.stdout.on('data', (text) => {
    printed += text;
  });
  const first = await openDashboard();
  await eventually(() => first.messages.some((text) => /"boiler-2","value"/.test(String(text))));
  first.terminate();

  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  const problems: string[] = [];
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(`http://127.0.0.1:${pagePort}`);
  // A device that was connected before shows its value at once.
  const card = page.getByRole('listitem').filter({ has: page.getByText('boiler-2') });
  await card.locator('.value', { hasText: /^\d+\.\d$/ }).waitFor();
  await page.getByLabel('Command for boiler-2').fill('off');
  await page.getByRole('button', { name: 'Send to boiler-2' }).click();
  await eventually(() => printed.includes('boiler-2: off\n'));
  device.kill();
  await card.getByText('offline').waitFor();
  expect(problems).toEqual([]);
});

test('device dashboard: a page of another origin opens no websocket', async () => {
  const headers = { Origin: 'https://evil.example' };
  await expect(openClient(dashboardPort, '/', { headers })).rejects.toThrow('403');
  await expect(openClient(dashboardPort)).rejects.toThrow('403');
});

test('malformed frame: closes that device only', async () => {
  const [broken, other] = [await openDevice('broken'), await openDevice('other')];
  const frame = Buffer.from(deviceProtocol.encode('1'));
  frame.writeUInt8(0xff, frame.length - 1);
  broken.send(frame);
  await broken.ended;
  const dashboard = await openDashboard();
  other.send(deviceProtocol.encode('2'));
  await eventually(() => {
    other.send(deviceProtocol.encode('2'));
    return dashboard.messages.includes(JSON.stringify({ device: 'other', value: '2' }));
  });
  other.destroy();
  dashboard.terminate();
});
