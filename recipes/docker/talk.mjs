// Run by try.sh in a container of the image: four clients connect through the proxy, and all receive a message of one.
import { WebSocket } from 'ws';

const [, , url = '', proxyAddress = ''] = process.argv;
const CLIENTS = 4;
const TIMEOUT_MS = 15_000;

const timer = setTimeout(() => {
  process.stderr.write(`not every client received the message within ${TIMEOUT_MS} ms\n`);
  process.exit(1);
}, TIMEOUT_MS);

/** Opens a client. `next` resolves with the first message that matches, received or still to come. */
function open() {
  const socket = new WebSocket(url);
  const messages = [];
  let wake = () => undefined;
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)));
    wake();
  });
  const next = async (matches) => {
    for (;;) {
      const found = messages.find(matches);
      if (found !== undefined) return found;
      await new Promise((resolve, reject) => {
        wake = resolve;
        socket
          .once('error', reject)
          .once('close', () => reject(new Error('closed by the gateway')));
      });
    }
  };
  return { socket, next };
}

const clients = Array.from({ length: CLIENTS }, open);
for (const { next } of clients) {
  const { remoteAddress } = await next(({ type }) => type === 'welcome');
  if (remoteAddress === proxyAddress) throw new Error('a client has the address of the proxy');
}
const [sender] = clients;
const text = `from ${process.pid} at ${Date.now()}`;
sender?.socket.send(text);
for (const { next } of clients) await next((message) => message.text === text);
for (const { socket } of clients) socket.terminate();
clearTimeout(timer);
process.stdout.write(`${CLIENTS} clients received the message of one of them\n`);
