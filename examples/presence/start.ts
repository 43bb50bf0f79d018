import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';

const {
  PRESENCE_PORT = '8288',
  PRESENCE_REGISTER_PORT = '1241',
  PRESENCE_INNER_PORT = '2950',
} = process.env;
const registerAddress = `127.0.0.1:${PRESENCE_REGISTER_PORT}`;

new Register({ listen: registerAddress });

new Gateway({
  name: 'presence-gateway',
  listen: `websocket://127.0.0.1:${PRESENCE_PORT}`,
  count: 2,
  startPort: Number(PRESENCE_INNER_PORT),
  registerAddress,
});

new BusinessWorker({
  name: 'presence-worker',
  count: 2,
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});

run();
