import type { Socket, SocketListener } from './connection.ts';

/** Opens a WebSocket of the browser. */
export function openWebSocket(url: string, { onMessage, onClose }: SocketListener): Socket {
  const socket = new WebSocket(url);
  socket.addEventListener('message', ({ data }) => onMessage(data));
  socket.addEventListener('close', ({ code, reason }) => onClose(code, reason));
  return socket;
}
