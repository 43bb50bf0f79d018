import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';

const {
  LOGIN_PORT = '8287',
  LOGIN_REGISTER_PORT = '1240',
  LOGIN_INNER_PORT = '2940',
} = process.env;
const registerAddress = `127.0.0.1:${LOGIN_REGISTER_PORT}`;

new Register({ listen: registerAddress });

new Gateway({
  name: 'login-gateway',
  listen: `websocket://127.0.0.1:${LOGIN_PORT}`,
  startPort: Number(LOGIN_INNER_PORT),
  registerAddress,
});

new BusinessWorker({
  name: 'login-worker',
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});

run();
