import { createServer, type ListenOptions, type Server } from 'node:net';

// Below 32768, where Linux begins to take ports for outgoing connections: a client socket of a test
// that runs at the same time cannot take one of these between now and when it is listened on.
const firstPort = 20_000;
const lastPort = 32_000;

/**
 * Finds free loopback ports that follow one another, so that the first also serves as a `startPort`.
 *
 * On Linux they stay reserved against every other test process until this process ends.
 *
 * @throws when there is no such row of ports
 */
export async function freePorts(count: number): Promise<number[]> {
  const span = lastPort - firstPort - count;
  const start = Math.floor(Math.random() * span);
  for (let step = 0; step < span; step += 1) {
    const ports = Array.from({ length: count }, (_, i) => firstPort + ((start + step) % span) + i);
    if (await reserveAll(ports)) return ports;
  }
  throw new Error(`there are no ${count} free ports in a row`);
}

async function reserveAll(ports: readonly number[]): Promise<boolean> {
  const reservations: Server[] = [];
  for (const port of ports) {
    const reservation = await reserve(port);
    if (reservation !== undefined) reservations.push(reservation);
    if (reservation === undefined || !(await isFree(port))) {
      for (const held of reservations) held.close();
      return false;
    }
  }
  return true;
}

/** Holds a name of the abstract socket space, which the kernel gives to one process only and takes back at its end. */
async function reserve(port: number): Promise<Server | undefined> {
  if (process.platform !== 'linux') return createServer();
  return await open({ path: `\0gatewayworker-test-port-${port}` });
}

async function isFree(port: number): Promise<boolean> {
  // The wildcard as well, because it conflicts with the loopback address and the other way round.
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const server = await open({ port, host });
    if (server === undefined) return false;
    await new Promise((resolve) => server.close(resolve));
  }
  return true;
}

function open(options: ListenOptions): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(options, () => resolve(server.unref()));
  });
}
