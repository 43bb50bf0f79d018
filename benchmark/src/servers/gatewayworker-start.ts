import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';

// The start file of this framework. Ports and numbers of processes are environment variables, because the master and
// its children run this file too.

const { BENCH_GATEWAYS, BENCH_WORKERS, BENCH_PORTS, BENCH_FOLDER } = process.env;
const [port = 0, register = 0, startPort = 0] = String(BENCH_PORTS).split(',').map(Number);
const registerAddress = `127.0.0.1:${register}`;

new Register({ listen: registerAddress });
new Gateway({
  name: 'bench-gateway',
  listen: `websocket://127.0.0.1:${port}`,
  count: Number(BENCH_GATEWAYS),
  startPort,
  registerAddress,
});
new BusinessWorker({
  name: 'bench-worker',
  count: Number(BENCH_WORKERS),
  eventHandler: new URL('./events.js', import.meta.url),
  registerAddress,
});
run({ pidFile: `${BENCH_FOLDER}/bench.pid`, logFile: `${BENCH_FOLDER}/bench.log` });
