import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { DescriptorReserve } from '@gatewayworker/core';
import {
  captureLogger,
  eventually,
  FaultyGuard,
  isAlive,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { ControlClient } from '../control/control-client.ts';
import { type LaunchedProcess, launchProcess } from '../processes/launched-process.ts';
import { ListeningSockets } from '../processes/listening-sockets.ts';
import { inspectStack } from '../processes/stack-inspector.ts';

/** Prints on both outputs, requests a listening socket, and reports `listening` once it has the socket. */
const program = `
console.log('out');
console.error('error');
process.on('message', ({ type }) => {
  if (type === 'gatewayworker:socket') process.send({ type: 'gatewayworker:listening' });
});
process.send({ type: 'gatewayworker:openSocket', request: 1, host: '127.0.0.1', port: 0 });
`;

async function prepare() {
  const folder = await temporaryFolder('guards');
  onTestFinished(folder.dispose);
  const startFile = await folder.write('start.cjs', program);
  const { logger } = captureLogger();
  const guard = new FaultyGuard(logger);
  const descriptors = new DescriptorReserve(logger);
  onTestFinished(() => descriptors.close());
  const sockets = new ListeningSockets(guard);
  const printed: string[] = [];
  const launch = (execPath = process.execPath): LaunchedProcess => {
    const { path: cwd } = folder;
    const child = launchProcess(
      { execPath, execArgv: [], startFile, args: [], cwd, env: process.env },
      {
        ...{ stdio: ['ignore', 'pipe', 'pipe', 'ipc'], sockets, guard, descriptors, scope: 'x' },
        print: (text) => void printed.push(text),
      },
    );
    onTestFinished(() => child.kill());
    return child;
  };
  const bystander = launch();
  expect(await bystander.listening).toBe(true);
  await eventually(() => printed.join('').length === 'out\nerror\n'.length);
  return { folder, guard, launch, bystander };
}

function expectOthersServe({ guard, bystander }: Awaited<ReturnType<typeof prepare>>): void {
  expect(guard.thrown).toBe(1);
  expect(isAlive(bystander.pid ?? 0)).toBe(true);
}

test.each(['child message', 'socket request', 'socket answer'])(
  'guard of a child: an exception at "%s" kills only that child',
  async (point) => {
    const stage = await prepare();
    stage.guard.arm(point);
    const child = stage.launch();
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
    expectOthersServe(stage);
  },
);

test.each(['child output', 'child error output'])(
  'guard of a child: an exception at "%s" loses only a piece of output',
  async (point) => {
    const stage = await prepare();
    stage.guard.arm(point);
    const child = stage.launch();
    expect(await child.listening).toBe(true);
    await eventually(() => stage.guard.thrown === 1);
    expect(isAlive(child.pid ?? 0)).toBe(true);
    expectOthersServe(stage);
  },
);

test.each(['child exit', 'child end', 'socket holder exit', 'socket release'])(
  'guard of a child: an exception at "%s" does not hide its exit',
  async (point) => {
    const stage = await prepare();
    const child = stage.launch();
    expect(await child.listening).toBe(true);
    stage.guard.arm(point);
    child.kill();
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
    await eventually(() => stage.guard.thrown === 1);
    expectOthersServe(stage);
  },
);

test('guard of a child: an exception at "child error" still reports the failed start', async () => {
  const stage = await prepare();
  stage.guard.arm('child error');
  const child = stage.launch('/nowhere/node');
  expect(await child.exited).toMatchObject({ code: null, failure: { error: {} } });
  expectOthersServe(stage);
});

test.each(['control client data', 'control client close'])(
  'guard of a link: an exception at "%s" closes only that link',
  async (point) => {
    const stage = await prepare();
    const path = `${stage.folder.path}/x.sock`;
    const asked: Socket[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => undefined).once('data', () => asked.push(socket));
    }).listen(path);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const client = await ControlClient.connect(path, stage.guard);
    stage.guard.arm(point);
    const answer = client?.request({}, Number.POSITIVE_INFINITY);
    const refused = expect(answer).rejects.toMatchObject({ code: 'GW_ERR_LINK_CLOSED' });
    await eventually(() => asked.length === 1);
    if (point === 'control client data') asked[0]?.write('{"request":1,"result":null}\n');
    else asked[0]?.destroy();
    await refused;
    await client?.closed;
    expectOthersServe(stage);
  },
);

test('guard of a link: an exception at "inspector message" loses only the stack', async () => {
  const stage = await prepare();
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const tooLate = new AbortController();
  server.on('connection', (socket) => {
    socket.send('{}');
    socket.once('close', () => tooLate.abort());
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  stage.guard.arm('inspector message');
  expect(
    await inspectStack(`ws://127.0.0.1:${port}/`, tooLate.signal, stage.guard),
  ).toBeUndefined();
  expectOthersServe(stage);
});
