import { BusinessWorker, Gateway, Register, Worker } from 'gatewayworker';
import { createPageServer } from './page-server.ts';
import { resolveChatSettings } from './settings.ts';

const settings = resolveChatSettings(process.env);
const { host, pagePort, gatewayPort, registerPort, innerPort } = settings;
const registerAddress = `127.0.0.1:${registerPort}`;
const page = createPageServer(settings);

new Register({ listen: registerAddress });

new Gateway({
  name: 'chat-gateway',
  listen: `websocket://${host}:${gatewayPort}`,
  count: 2,
  lanIp: '127.0.0.1',
  startPort: innerPort,
  registerAddress,
  // Four times the limit of the chat: a message that is a little too long gets an error, not a close.
  maxMessageBytes: 65_536,
});

new BusinessWorker({
  name: 'chat-worker',
  count: 2,
  eventHandler: new URL('./events.ts', import.meta.url),
  // At-least-once: another worker handles the events that were unfinished when a worker died.
  redeliver: true,
  registerAddress,
});

new Worker({
  name: 'chat-page',
  async onWorkerStart(worker) {
    const port = await worker.listen(page.server, { port: pagePort, host });
    const shownHost = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
    process.stdout.write(`Chat: http://${shownHost}:${port}\n`);
  },
  async onWorkerStop() {
    await page.close();
  },
});
