import { Socket, type SocketConstructorOpts } from 'node:net';
import { TLSSocket } from 'node:tls';

/** What Node.js keeps of a connection of the system; it travels to another process by `process.send`. */
export interface SocketHandle {
  readStop(): number;
  close(): void;
}

/** A connection that was taken off its socket. */
export interface TakenHandle {
  readonly handle: SocketHandle;
  /** What the socket had read and not passed on. */
  readonly unread: readonly Buffer[];
}

/** Tells whether a socket is a plain connection of the system, which another process can go on with. */
export function hasHandle(socket: Socket): boolean {
  return !(socket instanceof TLSSocket) && isHandle(Reflect.get(socket, '_handle'));
}

/**
 * Takes the connection off a socket, which closes as if it had none. `pause()` would not do: the handle
 * reads on, and Node.js drops what comes once the handle is being sent.
 *
 * @returns `undefined` when it has none
 */
export function takeHandle(socket: Socket): TakenHandle | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (!isHandle(handle)) return undefined;
  handle.readStop();
  // Without a handle, a read of the stream does not start the handle again.
  Reflect.set(socket, '_handle', null);
  // `read` passes everything on to them, too.
  socket.removeAllListeners('data');
  const unread: Buffer[] = [];
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) unread.push(chunk);
  socket.destroy();
  return { handle, unread };
}

/** Makes a socket of a connection; it reads nothing until it is told to. */
export function openHandle(handle: object): Socket {
  // The types of Node.js leave out both options, which `net.Server` itself uses.
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
