import { readFileSync } from 'node:fs';
import {
  eventually,
  freePorts,
  openClient,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const CLIENTS = 200;
const MESSAGE_BYTES = 1_000_000;
/** `maxEventBytesInFlightPerWorker` by default. */
const BOUND_BYTES = 67_108_864;

const start = `
import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';
const { REGISTER_PORT, GATEWAY_PORT, INNER_PORT } = process.env;
const registerAddress = '127.0.0.1:' + REGISTER_PORT;
new Register({ listen: registerAddress });
new Gateway({
  name: 'gate', listen: 'websocket://127.0.0.1:' + GATEWAY_PORT, startPort: Number(INNER_PORT), registerAddress,
});
new BusinessWorker({ name: 'slow', eventHandler: new URL('./events.js', import.meta.url), registerAddress });
run();
`;

const events = `
let finish;
const finished = new Promise((resolve) => { finish = resolve; });
export class Events {
  onWorkerStart() { process.once('SIGUSR2', () => finish()); }
  async onMessage(clientId, message, ctx) {
    await finished;
    ctx.send(String(message.length));
  }
}
`;

/** Memory of a process that is in use, in bytes. */
function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

test.skipIf(process.platform !== 'linux')(
  'worker: one large message of each of 200 clients stays within its bound in bytes',
  async () => {
    const folder = await temporaryFolder('slow-worker');
    onTestFinished(folder.dispose);
    await folder.write('events.js', events);
    const [registerPort, port = 0, innerPort] = await freePorts(3);
    const cluster = await startCluster({
      file: await folder.write('start.js', start),
      env: {
        REGISTER_PORT: String(registerPort),
        GATEWAY_PORT: String(port),
        INNER_PORT: String(innerPort),
      },
    });
    onTestFinished(cluster.dispose);
    const rowOf = async (name: string) => {
      const row = (await cluster.status()).find((process) => process.name === name);
      if (row === undefined) throw new Error(`there is no process ${name}`);
      return row;
    };
    const { pid } = await rowOf('slow');
    const before = residentBytes(pid);

    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => openClient(port)));
    for (const client of clients) client.send(Buffer.alloc(MESSAGE_BYTES));
    await eventually(async () => (await rowOf('gate'))['inFlight'] === CLIENTS, {
      timeoutMs: 60_000,
    });
    const most = Math.floor(BOUND_BYTES / MESSAGE_BYTES) + 1;
    await eventually(async () => (await rowOf('slow'))['inFlight'] === most);
    expect(residentBytes(pid) - before).toBeLessThan(2 * BOUND_BYTES);

    process.kill(pid, 'SIGUSR2');
    const answers = await Promise.all(clients.map((client) => client.next()));
    expect(answers.map(String)).toEqual(Array(CLIENTS).fill(String(MESSAGE_BYTES)));
    expect(residentBytes(pid) - before).toBeLessThan(3 * BOUND_BYTES);
  },
);
