import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { eventually } from '@gatewayworker/testing';
import { fastify } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { endServer } from '../../apps/im/src/http/end-server.ts';
import { endServer as endPushServer } from '../../examples/http-push/end-server.ts';
import { gate } from './roles.ts';

/** A server that delays its answers; it would keep idle connections for a minute. */
interface WaitingServer {
  readonly server: Server;
  readonly close: () => Promise<unknown>;
}

const kinds = ['node:http', 'Fastify'] as const;

async function start(
  kind: (typeof kinds)[number],
  answered: Promise<unknown>,
): Promise<WaitingServer> {
  if (kind === 'Fastify') {
    const options = { forceCloseConnections: 'idle', return503OnClosing: false } as const;
    const app = fastify({ ...options, keepAliveTimeout: 60_000 });
    app.get('/slow', async () => {
      await answered;
      return 'done';
    });
    app.get('/', async () => 'done');
    await app.listen({ host: '127.0.0.1', port: 0 });
    return { server: app.server, close: () => app.close() };
  }
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.url === '/slow') void answered.then(() => response.end('done'));
    else response.end('done');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, close: () => new Promise((resolve) => server.close(resolve)) };
}

function ask(server: Server, path: string): Promise<IncomingMessage> {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response));
    }).on('error', reject);
  });
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}

function openSilent(server: Server): Promise<Socket> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
  });
}

test.each(kinds)('server of %s: finishes requests in progress, then ends', async (kind) => {
  const slow = gate();
  const { server, close } = await start(kind, slow.opened);
  await ask(server, '/');
  const answer = ask(server, '/slow');
  await eventually(async () => (await connectionsOf(server)) === 2);
  const ended = endServer(server, close);
  await eventually(async () => (await connectionsOf(server)) === 1);
  slow.open();
  expect((await answer).statusCode).toBe(200);
  await ended;
  expect(await connectionsOf(server)).toBe(0);
});

test.each(kinds)(
  'server of %s: an idle connection delays its end for a moment only',
  async (kind) => {
    const { server, close } = await start(kind, Promise.resolve());
    const silent = await openSilent(server);
    await eventually(async () => (await connectionsOf(server)) === 1);
    await endPushServer(server, close);
    await eventually(() => silent.closed);
  },
);
