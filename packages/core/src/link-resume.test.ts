import { once } from 'node:events';
import { connect } from 'node:net';
import {
  AcceptorRole,
  beginFrame,
  Command,
  DialerRole,
  endFrame,
  writeReceived,
} from '@gatewayworker/protocol';
import { captureLogger, eventually, FaultProxy } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { DialedLink } from './dialed-link.ts';
import { FlushScheduler } from './flush-scheduler.ts';
import { FrameConnection } from './frame-connection.ts';
import { FrameServer } from './frame-server.ts';
import { type AcceptorInfo, dialHandshake } from './handshake.ts';

const identity = {
  role: DialerRole.Worker,
  instanceId: 'worker-1',
  name: 'worker',
  id: 0,
} as const;

/** Starts a listener with resumable links. */
async function startServer(): Promise<{
  readonly port: number;
  readonly links: readonly FrameConnection[];
  readonly ended: (string | undefined)[];
}> {
  const links: FrameConnection[] = [];
  const ended: (string | undefined)[] = [];
  const server = new FrameServer({
    identity: {
      role: AcceptorRole.Gateway,
      instanceId: 'gateway-1',
      name: 'gateway',
      id: 0,
      gatewayToken: 1,
    },
    secretKey: 'k',
    allowedRoles: [DialerRole.Worker],
    areLinksResumable: true,
    scheduler: new FlushScheduler(),
    logger: captureLogger().logger,
    onLink: (connection) => {
      links.push(connection);
      connection.onClose = (reason) => void ended.push(reason?.message);
    },
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0 }, 'the test');
  onTestFinished(() => server.close());
  return { port, links, ended };
}

/** Dials once, and resolves after the handshake. */
async function dialOnce(
  port: number,
  resume?: { linkId: string; received: number },
  instanceId = 'worker-1',
): Promise<AcceptorInfo & { readonly connection: FrameConnection }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  const connection = new FrameConnection(socket, new FlushScheduler());
  onTestFinished(() => connection.destroy());
  return await new Promise((resolve, reject) => {
    const outcome = {
      onLinked: (acceptor: AcceptorInfo) => resolve({ ...acceptor, connection }),
      onFailed: reject,
    };
    dialHandshake(connection, { ...identity, instanceId }, 'k', outcome, { resume });
  });
}

test('link: only its dialer can resume it, and only at a position without a gap', async () => {
  const { port, links } = await startServer();
  const first = await dialOnce(port);
  const linkId = first.welcome.linkId ?? '';
  expect(linkId).not.toBe('');
  await eventually(() => links.length === 1);
  const refused = [
    await dialOnce(port, { linkId, received: 0 }, 'worker-2'),
    await dialOnce(port, { linkId: 'unknown', received: 0 }),
    await dialOnce(port, { linkId, received: 1 }),
  ];
  expect(refused.map(({ welcome }) => welcome.resumedAt)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  const again = await dialOnce(port, { linkId, received: 0 });
  expect(again.welcome).toMatchObject({ resumedAt: 0, linkId: undefined });
});

test('link: a resumed link is not closed when there are too many connections', async () => {
  const { port, links } = await startServer();
  const { welcome } = await dialOnce(port);
  const again = await dialOnce(port, { linkId: welcome.linkId ?? '', received: 0 });
  expect(again.welcome.resumedAt).toBe(0);
  let closed = 0;
  const openUnauthenticated = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket
      .on('error', () => undefined)
      .on('close', () => {
        closed += 1;
      });
    await once(socket, 'connect');
  };
  // In batches of 100: opened one by one, the first ones would exceed the time of a handshake on a busy machine.
  for (let batch = 0; batch < 11; batch += 1) {
    await Promise.all(Array.from({ length: 100 }, openUnauthenticated));
  }
  await eventually(() => closed >= 1100 - 1024);
  expect(links.map(({ isOpen, isSuspended }) => [isOpen, isSuspended])).toEqual([[true, false]]);
});

test('link: a confirmation of bytes that were never sent ends it', async () => {
  const { port, ended } = await startServer();
  const { connection } = await dialOnce(port);
  writeReceived(connection.writer(), 1_000_000);
  await eventually(() => ended.length === 1);
  expect(ended).toEqual(['received: 1000000 is more than was sent']);
});

test('link: ends with the reason of the break if it is not resumed in time', async () => {
  const { port, ended } = await startServer();
  const { connection } = await dialOnce(port);
  connection.destroy();
  await eventually(() => ended.length === 1);
  expect(ended).toEqual(['the peer closed the connection unexpectedly']);
});

test('link: GoAway ends it at once', async () => {
  const { port, links, ended } = await startServer();
  const { connection, welcome } = await dialOnce(port);
  expect(welcome.linkId).toBeDefined();
  connection.makeResumable(60_000);
  connection.close();
  await connection.closed;
  await eventually(() => ended.length === 1);
  expect(ended).toEqual([undefined]);
  expect(links[0]?.isOpen).toBe(false);
});

test('link: ends without a reason when it has resumed and the peer sends GoAway', async () => {
  const { port, ended } = await startServer();
  const first = await dialOnce(port);
  first.connection.destroy();
  const linkId = first.welcome.linkId ?? '';
  const { connection, welcome } = await dialOnce(port, { linkId, received: 0 });
  expect(welcome.resumedAt).toBe(0);
  connection.makeResumable(60_000);
  connection.close();
  await eventually(() => ended.length === 1);
  expect(ended).toEqual([undefined]);
});

test('link: 20 MB over a connection that breaks arrive once and in order', async () => {
  const { port, links } = await startServer();
  const proxy = await FaultProxy.start(port);
  onTestFinished(() => proxy.stop());
  let isUp = false;
  const link = new DialedLink({
    address: { host: '127.0.0.1', port: proxy.port },
    identity,
    secretKey: 'k',
    scheduler: new FlushScheduler(),
    logger: captureLogger().logger,
    onUp: (connection) => {
      isUp = true;
      connection.onFrame = (_command, buffer, start) => {
        received.push(buffer.readUInt32BE(start));
      };
    },
    onDown: () => undefined,
  });
  onTestFinished(() => link.close());
  const received: number[] = [];
  await eventually(() => isUp && links.length === 1);
  const body = Buffer.alloc(100_000);
  for (let number = 0; number < 200; number += 1) {
    body.writeUInt32BE(number);
    const writer = links[0]?.writer();
    if (writer === undefined) throw new Error('no link');
    const start = beginFrame(writer, Command.SendToAll);
    writer.writeBytes(body);
    endFrame(writer, start);
    if (number % 40 === 20) {
      const { accepted } = proxy;
      proxy.cut();
      await eventually(() => proxy.accepted > accepted);
    }
  }
  await eventually(() => received.length >= 200);
  expect(received).toEqual(Array.from({ length: 200 }, (_, number) => number));
  expect(links).toHaveLength(1);
});

/** Sends 8 MiB in 8 frames over a link, and waits until they are written or the link has ended. */
async function send8MiB(link: FrameConnection, ended: readonly unknown[]): Promise<void> {
  const body = Buffer.alloc(1_048_576);
  for (let frame = 0; frame < 8; frame += 1) {
    const writer = link.writer();
    const start = beginFrame(writer, Command.SendToAll);
    writer.writeBytes(body);
    endFrame(writer, start);
  }
  await eventually(() => link.output.pendingBytes === 0 || ended.length > 0);
}

test('link: ends when a peer leaves 96 MiB unconfirmed', async () => {
  const { port, links, ended } = await startServer();
  // The dialer does not call `makeResumable`, so it reads all frames and never confirms them.
  await dialOnce(port);
  const link = await eventually(() => links[0]);
  let rounds = 0;
  for (; ended.length === 0 && rounds < 30; rounds += 1) await send8MiB(link, ended);
  expect(ended).toEqual([
    expect.stringMatching(/^the peer has left \d+ bytes unconfirmed; allowed: up to 100663296$/),
  ]);
  expect(rounds).toBeGreaterThanOrEqual(12);
});

test('link: a peer that confirms can receive 160 MiB', async () => {
  const { port, links, ended } = await startServer();
  const { connection } = await dialOnce(port);
  connection.makeResumable(60_000);
  const link = await eventually(() => links[0]);
  for (let rounds = 0; rounds < 20; rounds += 1) await send8MiB(link, ended);
  expect(ended).toEqual([]);
});
