import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';

const {
  REMINDERS_PORT = '8292',
  REMINDERS_REGISTER_PORT = '1245',
  REMINDERS_INNER_PORT = '2990',
} = process.env;
const registerAddress = `127.0.0.1:${REMINDERS_REGISTER_PORT}`;

new Register({ listen: registerAddress });

new Gateway({
  name: 'reminders-gateway',
  listen: `websocket://127.0.0.1:${REMINDERS_PORT}`,
  startPort: Number(REMINDERS_INNER_PORT),
  registerAddress,
});

new BusinessWorker({
  name: 'reminders-worker',
  count: 2,
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});

run();
