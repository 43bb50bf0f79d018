import { BusinessWorker, Gateway, Register, run, Worker } from 'gatewayworker';
import { startRawServer } from './raw-ws.ts';
import { ports } from './settings.ts';

const registerAddress = `127.0.0.1:${ports.register}`;

new Register({ listen: registerAddress });
new Gateway({
  name: 'bench-gateway',
  listen: `websocket://127.0.0.1:${ports.gateway}`,
  startPort: ports.inner,
  registerAddress,
});
new BusinessWorker({
  name: 'bench-worker',
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});
// The contender, in a process of its own: what a user gives up by using no framework.
new Worker({ name: 'raw-ws', onWorkerStart: startRawServer });
run();
