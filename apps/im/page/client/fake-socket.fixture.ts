import type { ClientMessage, ServerMessage } from '../../shared/socket-message.ts';
import type { Socket, SocketListener } from './connection.ts';

/** A websocket with the test as its server. */
export class FakeSocket implements Socket {
  readyState = 1;
  readonly sent: ClientMessage[] = [];
  isClosed = false;
  readonly #listener: SocketListener;

  constructor(listener: SocketListener) {
    this.#listener = listener;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.isClosed = true;
    this.readyState = 3;
  }

  /** Delivers a message of the server. */
  receive(message: ServerMessage): void {
    this.#listener.onMessage(JSON.stringify(message));
  }

  ready(userId = '1'): void {
    this.receive({ type: 'ready', userId, deviceId: '5', time: 0 });
  }

  /** Closes the socket from the side of the server or the network. */
  end(code = 1006, reason = ''): void {
    this.readyState = 3;
    this.#listener.onClose(code, reason);
  }
}
