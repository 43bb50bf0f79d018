import { BusinessWorker, Gateway, Register, run, Worker } from 'gatewayworker';
import { limits } from './shared/limits.ts';
import type { HttpServer } from './src/http/http-server.ts';
import { resolveImSettings } from './src/settings.ts';

const settings = resolveImSettings(process.env);
const { host, socketPort, registerAddress, innerPort, secretKey } = settings;
let server: HttpServer | undefined;

new Register({ listen: registerAddress, secretKey });

new Gateway({
  name: 'im-gateway',
  listen: `websocket://${host}:${socketPort}`,
  count: settings.gateways,
  lanIp: '127.0.0.1',
  startPort: innerPort,
  registerAddress,
  secretKey,
  maxMessageBytes: limits.socketMessageBytes,
  // Far beyond what the rules allow anybody: who goes on after hundreds of refusals is cut off.
  maxMessagesPerSecond: 200,
  trustProxy: settings.trustProxy.length === 0 ? false : settings.trustProxy,
});

new BusinessWorker({
  name: 'im-worker',
  count: settings.workers,
  // Once it is compiled, `events.js` is what stands there.
  eventHandler: new URL('./src/events.ts', import.meta.url),
  registerAddress,
  secretKey,
  // A message that is handled twice is stored once: so none is lost with a worker that dies.
  redeliver: true,
});

new Worker({
  name: 'im-http',
  async onWorkerStart(worker) {
    // Loaded here alone: every process runs this file, and only this one needs the web server and its libraries.
    const { startHttpServer } = await import('./src/http/http-server.ts');
    server = await startHttpServer(settings, worker);
    process.stdout.write(`Messenger: ${server.address}\n`);
  },
  async onWorkerStop() {
    await server?.close();
  },
});

// The first start builds the page.
run({ readyTimeoutMs: 60_000 });
