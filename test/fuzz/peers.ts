import { createServer } from 'node:net';
import {
  boundPort,
  DialedLink,
  FlushScheduler,
  type FrameConnection,
  FrameServer,
} from '@gatewayworker/core';
import { type AcceptorRole, DialerRole } from '@gatewayworker/protocol';
import { captureLogger, eventually } from '@gatewayworker/testing';
import { openTcp } from './bystander.ts';

/** How bytes are sent. */
export interface Sending {
  /** `end` closes the connection in an orderly way, `reset` does not. */
  readonly leave: 'end' | 'reset';
  readonly packetBytes: number;
  /** Sent first, and answered. */
  readonly opening?: string;
}

/** Sends bytes to a port, leaves, and waits until the connection is closed. */
export async function throwBytes(port: number, bytes: Buffer, how: Sending): Promise<void> {
  const socket = await openTcp(port);
  // Answers are read and dropped: a peer that does not read is another test.
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received = `${received}${chunk.toString('latin1')}`.slice(-4);
  });
  socket.on('error', () => undefined);
  // Not by `once`, which rejects on an error: a connection that fails has ended too.
  const closed = new Promise((resolve) => socket.once('close', resolve));
  if (how.opening !== undefined) {
    socket.write(how.opening);
    // Refused or answered: a gateway at its limits closes without a word.
    await eventually(() => received !== '' || socket.destroyed, { intervalMs: 1 });
  }
  // More packets than these find nothing new and take long.
  const packetBytes = Math.max(how.packetBytes, Math.ceil(bytes.length / 100));
  for (let offset = 0; offset < bytes.length; offset += packetBytes) {
    socket.write(bytes.subarray(offset, offset + packetBytes));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (how.leave === 'reset') socket.resetAndDestroy();
  else socket.end();
  await closed;
}

/** A proved link over which any bytes can be sent. */
export interface ProvedLink {
  /** Frames that came by it. */
  readonly received: number;
  send(bytes: Buffer): void;
  /** Sends what is queued and waits until the other side has read that and let go. */
  close(): Promise<void>;
}

/** Dials a port for inner links and proves itself. */
export async function openProvedLink(port: number, role: DialerRole): Promise<ProvedLink> {
  let connection: FrameConnection | undefined;
  let received = 0;
  const link = new DialedLink({
    address: { host: '127.0.0.1', port },
    identity: { role, instanceId: 'fuzz', name: 'fuzz', id: 0 },
    secretKey: '',
    scheduler: new FlushScheduler(),
    logger: captureLogger().logger,
    onUp: (up) => {
      connection = up;
      up.onFrame = () => {
        received += 1;
      };
    },
    // A link that was closed for what came over it is not dialed again.
    onDown: () => void link.close(),
  });
  const up = await eventually(() => connection, { intervalMs: 1 });
  return {
    get received() {
      return received;
    },
    send: (bytes) => up.output.append(bytes),
    close: () => link.close(),
  };
}

/** An acceptor of inner links that sends the same bytes to every dialer. */
export interface FakeAcceptor {
  readonly address: string;
  /** Closed links to which all bytes were sent. */
  readonly served: number;
  close(): Promise<void>;
}

/** Listens, authenticates to every dialer, sends the bytes and closes. */
export async function openFakeAcceptor(role: AcceptorRole, bytes: Buffer): Promise<FakeAcceptor> {
  let served = 0;
  const server = new FrameServer({
    identity: { role, instanceId: 'fake', name: 'fake', id: 0, gatewayToken: 5 },
    secretKey: '',
    allowedRoles: Object.values(DialerRole),
    scheduler: new FlushScheduler(),
    logger: captureLogger().logger,
    onLink: (connection) => {
      connection.onClose = () => {
        served += 1;
      };
      connection.output.append(bytes);
      // The welcome and these bytes leave first.
      connection.close();
    },
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0 }, 'a fake');
  return {
    address: `127.0.0.1:${port}`,
    get served() {
      return served;
    },
    close: () => server.close(),
  };
}

/** Listens, sends the bytes to every client, and closes. */
export async function openFakeListener(bytes: Buffer): Promise<FakeAcceptor> {
  let served = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      served += 1;
    });
    socket.resume().end(bytes);
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(boundPort(server)));
  });
  return {
    address: `127.0.0.1:${port}`,
    get served() {
      return served;
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}
