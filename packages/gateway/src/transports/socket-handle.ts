import { Socket, type SocketConstructorOpts } from 'node:net';
import { TLSSocket } from 'node:tls';

/** The handle of a connection in Node.js. `process.send` can pass it to another process. */
export interface SocketHandle {
  readStop(): number;
  close(): void;
}

/** A handle that was removed from its socket. */
export interface TakenHandle {
  readonly handle: SocketHandle;
  /** Bytes that the socket has read but not emitted. */
  readonly unread: readonly Buffer[];
}

/** Returns whether a socket has a handle that can be passed to another process. TLS sockets have not. */
export function hasHandle(socket: Socket): boolean {
  return !(socket instanceof TLSSocket) && isHandle(Reflect.get(socket, '_handle'));
}

/**
 * Removes the handle from a socket, and destroys the socket without closing the connection. `pause()` is not enough:
 * the handle continues to read, and Node.js drops what it reads while the handle is sent.
 *
 * @returns `undefined` when the socket has no handle
 */
export function takeHandle(socket: Socket): TakenHandle | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (!isHandle(handle)) return undefined;
  handle.readStop();
  // Without a handle, `read` cannot start reading again.
  Reflect.set(socket, '_handle', null);
  // `read` also emits `data`.
  socket.removeAllListeners('data');
  const unread = readAll(socket);
  socket.destroy();
  return { handle, unread };
}

/** Reads every byte that a socket has received and not emitted. */
export function readAll(socket: Socket): Buffer[] {
  const chunks: Buffer[] = [];
  // Since Node.js 26 one call returns one chunk.
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
  return chunks;
}

/** Makes a socket from a handle. It reads nothing until `resume` is called. */
export function openHandle(handle: object): Socket {
  // `net.Server` uses both options, but the types of Node.js do not declare them.
  const options: SocketConstructorOpts & { handle: object; pauseOnCreate: boolean } = {
    handle,
    pauseOnCreate: true,
    readable: true,
    writable: true,
  };
  const socket = new Socket(options);
  socket.setNoDelay(true);
  return socket;
}

export function isHandle(value: unknown): value is SocketHandle {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'readStop') === 'function' &&
    typeof Reflect.get(value, 'close') === 'function'
  );
}
