import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';

/**
 * The file descriptor of a connected socket.
 *
 * Node.js has no public name for it. Writing to it with `write(2)` costs a quarter of `socket.write`, which
 * is what makes a load generator in JavaScript cheap enough to leave the CPU to the server.
 *
 * @throws when this Node.js keeps it elsewhere
 */
export function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null && Reflect.get(handle, 'fd');
  if (typeof fd !== 'number' || fd < 0) throw new Error('the socket has no file descriptor');
  return fd;
}

/** Writes what the kernel takes now; answers how many bytes that were. A broken connection takes all. */
export function writeNow(fd: number, bytes: Buffer, length: number): number {
  try {
    return writeSync(fd, bytes, 0, length);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EAGAIN') return 0;
    // The socket tells of it by itself, when it is read.
    if (code === 'EPIPE' || code === 'ECONNRESET') return length;
    throw error;
  }
}
