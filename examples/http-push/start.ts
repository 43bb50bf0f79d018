import { BusinessWorker, Gateway, Register, run, Worker } from 'gatewayworker';
import { type PushServer, startPushServer } from './push-server.ts';
import { createPushKey, resolvePushSettings } from './settings.ts';

// The workers sign tokens and the app verifies them, so all processes need the same key. The master
// generates it; the processes that it starts inherit its environment. If you set PUSH_KEY yourself,
// sessions stay valid after a restart of the master.
process.env['PUSH_KEY'] ||= createPushKey();

const settings = resolvePushSettings(process.env);
const { host, gatewayPort, registerAddress, innerPort } = settings;
let server: PushServer | undefined;

new Register({ listen: registerAddress });

new Gateway({
  name: 'push-gateway',
  listen: `websocket://${host}:${gatewayPort}`,
  count: 2,
  lanIp: '127.0.0.1',
  startPort: innerPort,
  registerAddress,
  // Pages only receive.
  maxMessageBytes: 1024,
});

new BusinessWorker({
  name: 'push-worker',
  count: 2,
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});

new Worker({
  name: 'push-app',
  // One process, because used tokens are stored in its memory.
  count: 1,
  async onWorkerStart(worker) {
    server = await startPushServer(settings, worker);
    process.stdout.write(`Push: ${server.address}\n`);
  },
  async onWorkerStop() {
    await server?.close();
  },
});

run();
