import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';

const port = (name: string): number => Number(process.env[name]);
const registerAddress = `127.0.0.1:${port('REGISTER_PORT')}`;

new Register({ listen: registerAddress });
new Gateway({
  listen: `websocket://127.0.0.1:${port('GATEWAY_PORT')}`,
  count: 2,
  startPort: port('INNER_PORT'),
  registerAddress,
});
new BusinessWorker({
  count: 2,
  redeliver: true,
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});
run({
  pidFile: `${process.env['SOAK_FOLDER']}/soak.pid`,
  logFile: `${process.env['SOAK_FOLDER']}/soak.log`,
});
