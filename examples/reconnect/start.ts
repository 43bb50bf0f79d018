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
    const server = createServer((request, response) => {
      if (request.url === '/port') response.end(RECONNECT_PORT);
      else serveFile(request, response);
    });
    await worker.listen(server, { port: Number(RECONNECT_PAGE_PORT), host: '127.0.0.1' });
    process.stdout.write(`Reconnect: http://127.0.0.1:${RECONNECT_PAGE_PORT}\n`);
  },
});

run();
