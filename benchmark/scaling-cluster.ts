import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';
import { scalingPorts } from './settings.ts';

/** What `scaling.ts` starts: gateways that each have a port of their own, as on machines of their own. */
const gateways = Number(process.env['BENCH_GATEWAYS'] ?? 1);
const workers = Number(process.env['BENCH_WORKERS'] ?? 1);
const registerAddress = `127.0.0.1:${scalingPorts.register}`;

new Register({ listen: registerAddress });
for (let index = 0; index < gateways; index += 1) {
  new Gateway({
    name: `gateway-${index + 1}`,
    listen: `websocket://127.0.0.1:${scalingPorts.gateway + index}`,
    startPort: scalingPorts.inner + index,
    registerAddress,
  });
}
new BusinessWorker({
  name: 'worker',
  count: workers,
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});
run();
