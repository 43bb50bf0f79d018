/** What the server of a FakeWebSocket does with it. */
export interface FakePeer {
  accept(socket: FakeWebSocket): void;
  receive(socket: FakeWebSocket, data: Uint8Array): void;
  /** The client has closed it. */
  end(socket: FakeWebSocket, code: number | undefined): void;
}

/**
 * A websocket without a network. Whatever one side sends reaches the other side in a later turn; it is lost if the
 * websocket is dropped before.
 */
export class FakeWebSocket {
  readonly url: string;
  readonly protocols: readonly string[];
  protocol = '';
  binaryType = 'blob';
  onopen: ((event: never) => unknown) | null = null;
  onmessage: ((event: never) => unknown) | null = null;
  onerror: ((event: never) => unknown) | null = null;
  onclose: ((event: never) => unknown) | null = null;
  /** As in a WebSocket: 0 connecting, 1 open, 2 closing, 3 closed. */
  readyState: 0 | 1 | 2 | 3 = 0;
  /** The code with which the client has closed it. */
  closedWith: number | undefined;
  readonly #peer: FakePeer;
  readonly #latencyMs: number;

  constructor(url: string, protocols: readonly string[], peer: FakePeer, latencyMs: number) {
    this.url = url;
    this.protocols = protocols;
    this.#peer = peer;
    this.#latencyMs = latencyMs;
    this.#later(() => peer.accept(this));
  }

  /** Sends data to the server. */
  send(data: Uint8Array): void {
    if (this.readyState === 0) throw new Error('the websocket is not open');
    if (this.readyState !== 1) return;
    const copy = data.slice();
    this.#later(() => {
      if (this.readyState !== 3) this.#peer.receive(this, copy);
    });
  }

  /** Closes it from the side of the client. */
  close(code?: number): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new RangeError(`browsers cannot send close code ${code}`);
    }
    if (this.readyState >= 2) return;
    this.readyState = 2;
    this.closedWith = code;
    this.#later(() => {
      this.#peer.end(this, code);
      this.drop(code ?? 1005);
    });
  }

  /** Opens it, on the side of the server. */
  open(protocol: string): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.protocol = protocol;
    this.#fire('onopen', {});
  }

  /** Sends a binary or a text message from the server. */
  deliver(data: Uint8Array | string): void {
    const copy = typeof data === 'string' ? data : data.slice().buffer;
    this.#later(() => {
      if (this.readyState === 1) this.#fire('onmessage', { data: copy });
    });
  }

  /** Closes it after what the server has sent. */
  end(code: number, reason = ''): void {
    this.#later(() => this.drop(code, reason));
  }

  /** Ends it at once: data on the way is lost. */
  drop(code = 1006, reason = ''): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#fire('onclose', { code, reason });
  }

  #fire(name: 'onopen' | 'onmessage' | 'onclose', event: object): void {
    const handler = this[name];
    if (handler !== null) Reflect.apply(handler, this, [event]);
  }

  #later(run: () => void): void {
    if (this.#latencyMs > 0) setTimeout(run, this.#latencyMs);
    else queueMicrotask(run);
  }
}
