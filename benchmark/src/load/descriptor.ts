import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';

/**
 * Returns the file descriptor of a connected socket.
 *
 * Node.js has no public API for it. `write(2)` costs a quarter of `socket.write`, so that the load generator leaves
 * enough CPU time for the server.
 *
 * @throws when this version of Node.js stores it elsewhere
 */
export function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null && Reflect.get(handle, 'fd');
  if (typeof fd !== 'number' || fd < 0) throw new Error('the socket has no file descriptor');
  return fd;
}

/** Writes without blocking; returns the number of accepted bytes. A broken connection accepts all. */
export function writeNow(fd: number, bytes: Buffer, length: number): number {
  try {
    return writeSync(fd, bytes, 0, length);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EAGAIN') return 0;
    // The socket reports the error on its next read.
    if (code === 'EPIPE' || code === 'ECONNRESET') return length;
    throw error;
  }
}
