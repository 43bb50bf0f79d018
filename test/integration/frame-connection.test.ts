import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { FlushScheduler, FrameConnection } from '@gatewayworker/core';
import { beginFrame, Command, endFrame } from '@gatewayworker/protocol';
import { eventually } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

/** Both ends of one TCP connection. */
async function socketPair(): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const accepting = once(server, 'connection');
  const dialed = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [accepted] = await accepting;
  onTestFinished(() => {
    dialed.destroy();
    accepted.destroy();
    server.close();
  });
  return [dialed, accepted];
}

/** A link after its handshake. */
function proven(connection: FrameConnection): FrameConnection {
  connection.raiseFrameLimit(1_000_000);
  return connection;
}

test('heartbeat: a peer that is silent for two intervals is closed', async () => {
  const [near] = await socketPair();
  const connection = proven(new FrameConnection(near, new FlushScheduler()));
  const reasons: (string | undefined)[] = [];
  connection.onClose = (reason) => void reasons.push(reason?.message);
  connection.startHeartbeat(10);
  await eventually(() => reasons.length === 1);
  expect(reasons).toEqual(['the peer does not answer']);
});

test('heartbeat: a process that was paused itself keeps its peers', async () => {
  const [near, far] = await socketPair();
  const scheduler = new FlushScheduler();
  const connection = proven(new FrameConnection(near, scheduler));
  let isClosed = false;
  connection.onClose = () => {
    isClosed = true;
  };
  proven(new FrameConnection(far, scheduler));
  connection.startHeartbeat(50);
  let pongs = 0;
  near.on('data', () => {
    pongs += 1;
  });
  await eventually(() => pongs >= 1);
  const before = pongs;
  // This process and its peer are blocked for ten intervals.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  await eventually(() => pongs >= before + 3);
  expect(isClosed).toBe(false);
});

test('heartbeat: a peer that only answers pings stays', async () => {
  const [near, far] = await socketPair();
  const scheduler = new FlushScheduler();
  const connection = proven(new FrameConnection(near, scheduler));
  let isClosed = false;
  connection.onClose = () => {
    isClosed = true;
  };
  // Long enough to answer each ping in time on a busy machine.
  connection.startHeartbeat(1000);
  let pongs = 0;
  near.on('data', () => {
    pongs += 1;
  });
  proven(new FrameConnection(far, scheduler));
  await eventually(() => pongs >= 2);
  expect(isClosed).toBe(false);
});

test('close: everything sent before arrives in order, both ends are notified', async () => {
  const [near, far] = await socketPair();
  const scheduler = new FlushScheduler();
  const sender = proven(new FrameConnection(near, scheduler));
  const receiver = proven(new FrameConnection(far, scheduler));
  const sizes: number[] = [];
  const ends: unknown[] = [];
  receiver.onFrame = (_command, _buffer, start, end) => void sizes.push(end - start);
  receiver.onClose = (reason) => void ends.push(reason);
  sender.onClose = (reason) => void ends.push(reason);
  // Far more than the kernel buffers.
  const wanted = Array.from({ length: 200 }, (_, index) => index * 500);
  for (const size of wanted) {
    const writer = sender.writer();
    const start = beginFrame(writer, Command.Query);
    writer.writeBytes(Buffer.alloc(size));
    endFrame(writer, start);
  }
  sender.close();
  await eventually(() => ends.length === 2);
  expect(sizes).toEqual(wanted);
  expect(ends).toEqual([undefined, undefined]);
});

test('handler: an exception closes its link with the error as the reason', async () => {
  const [near, far] = await socketPair();
  const scheduler = new FlushScheduler();
  const sender = proven(new FrameConnection(near, scheduler));
  const receiver = proven(new FrameConnection(far, scheduler));
  const reasons: unknown[] = [];
  let frames = 0;
  receiver.onFrame = () => {
    frames += 1;
    throw new Error('not to my liking');
  };
  receiver.onClose = (reason) => void reasons.push(reason?.message);
  sender.signal(Command.WorkerReady);
  sender.signal(Command.WorkerReady);
  await eventually(() => reasons.length === 1);
  expect(reasons).toEqual(['not to my liking']);
  expect(frames).toBe(1);
});

test('close: a stranger that keeps sending is cut off', async () => {
  const [near, far] = await socketPair();
  const connection = proven(new FrameConnection(near, new FlushScheduler()));
  let isClosed = false;
  connection.onClose = () => {
    isClosed = true;
  };
  far.on('error', () => undefined).resume();
  const talk = setInterval(() => far.write('x'), 50);
  onTestFinished(() => clearInterval(talk));
  connection.close();
  await eventually(() => isClosed);
});

test('pings: a peer that reads no answers fills no queue', async () => {
  const [near] = await socketPair();
  const connection = proven(new FrameConnection(near, new FlushScheduler()));
  connection.output.detach();
  for (let count = 0; count < 100_000; count += 1) {
    connection.handleFrame(Command.Ping, Buffer.alloc(0), 0, 0);
  }
  expect(connection.output.pendingBytes).toBeGreaterThan(5);
  expect(connection.output.pendingBytes).toBeLessThan(100_000);
});

test('handshake: frames about the link are ignored before the proof', async () => {
  const [near, far] = await socketPair();
  const scheduler = new FlushScheduler();
  const stranger = proven(new FrameConnection(near, scheduler));
  const commands: number[] = [];
  const connection = new FrameConnection(far, scheduler);
  connection.onFrame = (command) => void commands.push(command);
  let answered = 0;
  near.on('data', (bytes) => {
    answered += bytes.length;
  });
  stranger.signal(Command.Ping);
  stranger.signal(Command.GoAway);
  await eventually(() => commands.length === 2);
  expect(commands).toEqual([Command.Ping, Command.GoAway]);
  expect([answered, connection.isOpen]).toEqual([0, true]);
});
