import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';
import { deviceProtocol } from './device-protocol.ts';
import { resolveSettings } from './settings.ts';

const { devicePort, dashboardPort, registerPort, innerPort } = resolveSettings(process.env);
const registerAddress = `127.0.0.1:${registerPort}`;

new Register({ listen: registerAddress });

// The scheme may be any that is not built in; what it means is the protocol's matter.
new Gateway({
  name: 'device-gateway',
  listen: `device://127.0.0.1:${devicePort}`,
  protocol: deviceProtocol,
  count: 2,
  startPort: innerPort,
  registerAddress,
  maxMessageBytes: 2048,
  // A device that has nothing to say for five minutes is taken for gone.
  pingInterval: 100,
  pingNotResponseLimit: 3,
});

new Gateway({
  name: 'dashboard-gateway',
  listen: `websocket://127.0.0.1:${dashboardPort}`,
  count: 2,
  startPort: innerPort + 2,
  registerAddress,
});

new BusinessWorker({
  name: 'device-worker',
  count: 2,
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});

run();
