import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { ListeningSockets } from './listening-sockets.ts';

/** Requests a socket, listens on it, and reports the port or the error. */
const program = `process.on('message', (message, socket) => {
  if (message.ask !== undefined) {
    const { port } = message.ask;
    process.send({ type: 'gatewayworker:openSocket', request: 1, host: '127.0.0.1', port });
  } else if (message.code !== undefined) process.send({ code: message.code });
  else {
    const { createServer } = require('node:net');
    const server = createServer((client) => client.end(String(process.pid)));
    server.listen(socket, () => process.send({ port: server.address().port }));
  }
});
`;

async function forkChild(sockets: ListeningSockets, scope: string): Promise<ChildProcess> {
  const folder = await temporaryFolder('listening-sockets');
  onTestFinished(folder.dispose);
  const child = fork(await folder.write('child.cjs', program));
  onTestFinished(() => void child.kill('SIGKILL'));
  sockets.serve(child, scope);
  return child;
}

async function ask(child: ChildProcess, port: number): Promise<unknown> {
  for (;;) {
    const answer = once(child, 'message');
    child.send({ ask: { port } });
    for (let [value] = await answer; ; [value] = await once(child, 'message')) {
      if (value.type !== 'gatewayworker:openSocket') return value;
    }
  }
}

async function listenOn(port: number): Promise<Server> {
  const server = createServer();
  onTestFinished(() => void server.close());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

test('listening sockets: a port of another program is EADDRINUSE', async () => {
  const foreign = await listenOn(0);
  const address = foreign.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const child = await forkChild(new ListeningSockets(), 'a');
  expect(await ask(child, port)).toEqual({ code: 'EADDRINUSE' });
  await new Promise((resolve) => foreign.close(resolve));
  expect(await ask(child, port)).toEqual({ port });
});

test('listening sockets: port 0 is one port per declaration', async () => {
  const sockets = new ListeningSockets();
  const [first, second, other] = [
    await forkChild(sockets, 'a'),
    await forkChild(sockets, 'a'),
    await forkChild(sockets, 'b'),
  ];
  const port = await ask(first, 0);
  expect(await ask(second, 0)).toEqual(port);
  expect(await ask(other, 0)).not.toEqual(port);
});

test('listening sockets: the port is closed once no child accepts on it', async () => {
  const sockets = new ListeningSockets();
  const [first, second] = [await forkChild(sockets, 'a'), await forkChild(sockets, 'a')];
  const answer = (await ask(first, 0)) as { readonly port: number };
  await ask(second, 0);
  first.kill('SIGKILL');
  await once(first, 'exit');
  await expect(listenOn(answer.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  second.kill('SIGKILL');
  await once(second, 'exit');
  // The parent handles the exit of the child in the same turn, and closes its copy.
  await new Promise((resolve) => setImmediate(resolve));
  await listenOn(answer.port);
});
