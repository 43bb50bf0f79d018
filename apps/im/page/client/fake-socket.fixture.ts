import type { ClientMessage, ServerMessage } from '../../shared/socket-message.ts';
import type { Socket, SocketListener } from './connection.ts';

/** A websocket whose other end is a test. */
export class FakeSocket implements Socket {
  readyState = 1;
  readonly said: ClientMessage[] = [];
  isClosed = false;
  readonly #listener: SocketListener;

  constructor(listener: SocketListener) {
    this.#listener = listener;
  }

  send(text: string): void {
    this.said.push(JSON.parse(text));
  }

  close(): void {
    this.isClosed = true;
    this.readyState = 3;
  }

  /** The server says something. */
  hear(message: ServerMessage): void {
    this.#listener.onMessage(JSON.stringify(message));
  }

  ready(userId = '1'): void {
    this.hear({ type: 'ready', userId, deviceId: '5', time: 0 });
  }

  /** The server, or the network, ends it. */
  end(code = 1006, reason = ''): void {
    this.readyState = 3;
    this.#listener.onClose(code, reason);
  }
}
