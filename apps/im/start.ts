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
  // Far above the rate limits of the app: only a client that ignores hundreds of refusals is closed.
  maxMessagesPerSecond: 200,
  trustProxy: settings.trustProxy.length === 0 ? false : settings.trustProxy,
});

new BusinessWorker({
  name: 'im-worker',
  count: settings.workers,
  // In the compiled app this loads `events.js`.
  eventHandler: new URL('./src/events.ts', import.meta.url),
  registerAddress,
  secretKey,
  // Safe, because a message is stored once however often it is handled.
  redeliver: true,
});

new Worker({
  name: 'im-http',
  async onWorkerStart(worker) {
    // Imported here: every process runs this file, but only this one needs the web server and its libraries.
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
