import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { boundPort } from '@gatewayworker/core';
import { captureLogger, eventually, freePorts } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { PortHolder } from './port-holder.ts';

function createHolder() {
  const { logger, lines } = captureLogger();
  const sockets: Socket[] = [];
  const holder = new PortHolder('Gateway "gate"', logger, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
  });
  onTestFinished(() => {
    holder.release();
    for (const socket of sockets) socket.destroy();
  });
  return { holder, sockets, lines };
}

async function anyPort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

test('takes connections, and lets the port go while those that have come stay', async () => {
  const { holder, sockets, lines } = createHolder();
  const address = { host: '127.0.0.1', port: await anyPort() };
  holder.hold(address);
  holder.hold(address);
  await eventually(() => lines.length === 1);
  expect(lines[0]).toMatchObject({ port: `127.0.0.1:${address.port}` });
  const client = await dial(address.port);
  await eventually(() => sockets.length === 1);
  holder.release();
  const next = createServer().listen(address.port, '127.0.0.1');
  onTestFinished(() => void next.close());
  await once(next, 'listening');
  sockets[0]?.write('still here');
  expect(String((await once(client, 'data'))[0])).toBe('still here');
});

test('takes a port as soon as whoever has it lets it go', async () => {
  const { holder, sockets, lines } = createHolder();
  const other = createHolder();
  const address = { host: '127.0.0.1', port: await anyPort() };
  other.holder.hold(address);
  await eventually(() => other.lines.length === 1);
  holder.hold(address);
  await dial(address.port);
  await eventually(() => other.sockets.length === 1);
  other.holder.release();
  await eventually(() => lines.length === 1);
  await dial(address.port);
  await eventually(() => sockets.length === 1);
});

test('tries no more once it was let go, and is ready for another time', async () => {
  const { holder, sockets } = createHolder();
  const first = createServer().listen(0, '127.0.0.1');
  await once(first, 'listening');
  const address = { host: '127.0.0.1', port: boundPort(first) };
  holder.hold(address);
  holder.release();
  first.close();
  await once(first, 'close');
  await expect(dial(address.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  holder.hold(address);
  await eventually(() => dial(address.port));
  await eventually(() => sockets.length === 1);
});

test('says so when the port cannot be had at all', async () => {
  const { holder, lines } = createHolder();
  // Of the block for documentation (RFC 5737): no machine has it.
  holder.hold({ host: '192.0.2.1', port: await anyPort() });
  await eventually(() => lines.length === 1);
  expect(lines[0]).toMatchObject({
    msg: 'new clients have to wait for the next master',
    err: { message: expect.stringContaining('this machine has no such address') },
  });
});
