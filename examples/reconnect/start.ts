import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { BusinessWorker, Gateway, Register, run, Worker } from 'gatewayworker';
import sirv from 'sirv';

const {
  RECONNECT_PAGE_PORT = '3004',
  RECONNECT_PORT = '8290',
  RECONNECT_REGISTER_PORT = '1243',
  RECONNECT_INNER_PORT = '2970',
} = process.env;
const registerAddress = `127.0.0.1:${RECONNECT_REGISTER_PORT}`;

new Register({ listen: registerAddress });

new Gateway({
  name: 'reconnect-gateway',
  listen: `websocket://127.0.0.1:${RECONNECT_PORT}`,
  startPort: Number(RECONNECT_INNER_PORT),
  registerAddress,
});

new BusinessWorker({
  name: 'reconnect-worker',
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});

new Worker({
  name: 'reconnect-page',
  async onWorkerStart(worker) {
    const serveFile = sirv(fileURLToPath(new URL('./page', import.meta.url)));
    // node_modules/@gatewayworker/sdk/dist: ES modules that a browser loads as they are.
    const sdk = fileURLToPath(new URL('../dist', import.meta.resolve('@gatewayworker/sdk')));
    const serveSdk = sirv(sdk);
    const server = createServer((request, response) => {
      const { url = '/' } = request;
      if (url === '/port') response.end(RECONNECT_PORT);
      else if (url.startsWith('/sdk/')) {
        request.url = url.slice('/sdk'.length);
        serveSdk(request, response);
      } else serveFile(request, response);
    });
    await worker.listen(server, { port: Number(RECONNECT_PAGE_PORT), host: '127.0.0.1' });
    process.stdout.write(`Reconnect: http://127.0.0.1:${RECONNECT_PAGE_PORT}\n`);
  },
});

run();
