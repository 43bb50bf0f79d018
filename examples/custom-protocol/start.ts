import { once } from 'node:events';
import type { Server } from 'node:http';
import { BusinessWorker, Gateway, Register, run, Worker } from 'gatewayworker';
import { deviceProtocol } from './device-protocol.ts';
import { startPageServer } from './page-server.ts';
import { resolveSettings } from './settings.ts';

const settings = resolveSettings(process.env);
const { devicePort, dashboardPort, pagePort, registerPort, innerPort } = settings;
const registerAddress = `127.0.0.1:${registerPort}`;

new Register({ listen: registerAddress });

// Any scheme that is not built in, together with `protocol`.
new Gateway({
  name: 'device-gateway',
  listen: `device://127.0.0.1:${devicePort}`,
  protocol: deviceProtocol,
  count: 2,
  startPort: innerPort,
  registerAddress,
  maxMessageBytes: 2048,
  // A device that sends nothing for five minutes is closed.
  pingInterval: 100,
  pingNotResponseLimit: 3,
});

new Gateway({
  name: 'dashboard-gateway',
  listen: `websocket://127.0.0.1:${dashboardPort}`,
  count: 2,
  startPort: innerPort + 2,
  registerAddress,
  // A dashboard sends commands to devices, so pages of other sites must not connect.
  allowedOrigins: [`http://127.0.0.1:${pagePort}`, `http://localhost:${pagePort}`],
});

new BusinessWorker({
  name: 'device-worker',
  count: 2,
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});

let pageServer: Server | undefined;

new Worker({
  name: 'device-page',
  async onWorkerStart() {
    pageServer = startPageServer(settings);
    await once(pageServer, 'listening');
    process.stdout.write(`Devices: http://127.0.0.1:${pagePort}\n`);
  },
  onWorkerStop() {
    pageServer?.close();
    pageServer?.closeAllConnections();
  },
});

run();
