import type { ClientSocket } from './transport.ts';

/** The socket of a client that does nothing. */
export const silentSocket: ClientSocket = {
  remoteAddress: '::1',
  remotePort: 1,
  listenPort: 2,
  request: undefined,
  packedRequest: undefined,
  isRelayed: false,
  pendingBytes: 0,
  bytesRead: 0,
  bytesWritten: 0,
  ping: () => undefined,
  sendFrame: () => undefined,
  sendMessage: () => undefined,
  flush: () => undefined,
  setPaused: () => undefined,
  close: () => undefined,
  destroy: () => undefined,
  fail: () => undefined,
  release: () => 'never',
};
