import { createServer, type ListenOptions, type Server } from 'node:net';

// Linux uses ports from 32768 on for outgoing connections. Below, no client socket of a concurrent test can take a
// port before the test listens on it.
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/**
 * Finds free consecutive loopback ports, so that the first one can be a `startPort`.
 *
 * On Linux they stay reserved for this process until it ends.
 *
 * @throws when there are not enough consecutive free ports
 */
export async function freePorts(count: number): Promise<number[]> {
  const span = LAST_PORT - FIRST_PORT - count;
  const start = Math.floor(Math.random() * span);
  for (let step = 0; step < span; step += 1) {
    const ports = Array.from({ length: count }, (_, i) => FIRST_PORT + ((start + step) % span) + i);
    if (await reserveAll(ports)) return ports;
  }
  throw new Error(`there are no ${count} consecutive free ports`);
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

/** Reserves a port by an abstract socket name, which only one process can bind, and which is released at its end. */
async function reserve(port: number): Promise<Server | undefined> {
  if (process.platform !== 'linux') return createServer();
  return await open({ path: `\0gatewayworker-test-port-${port}` });
}

async function isFree(port: number): Promise<boolean> {
  // Check the wildcard too: each of the two addresses conflicts with the other.
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
