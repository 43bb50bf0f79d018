import { type FlushScheduler, type Logger, toError } from '@gatewayworker/core';
import { ByteWriter } from '@gatewayworker/protocol';
import type { LimitCounters } from '../limit-counters.ts';
import type { AcceptedSocket } from './accepted-socket.ts';
import { ClientListener, type ClientListenerOptions } from './client-listener.ts';
import type { StreamProtocol } from './stream-protocol.ts';
import { StreamSocket } from './stream-socket.ts';
import type { Transport, TransportHandler } from './transport.ts';

/** What the listener of a byte stream needs. */
export interface StreamTransportOptions extends ClientListenerOptions {
  readonly protocol: StreamProtocol;
  readonly maxMessageBytes: number;
  readonly scheduler: FlushScheduler;
  readonly limits: LimitCounters;
  readonly logger: Logger;
}

/** The listener for clients whose messages lie in a byte stream. */
export class StreamTransport implements Transport {
  readonly #options: StreamTransportOptions;
  readonly #listener: ClientListener;
  #handler: TransportHandler | undefined;

  constructor(options: StreamTransportOptions) {
    this.#options = options;
    this.#listener = new ClientListener(options, {
      isHttp: false,
      onSocket: (accepted) => this.#accept(accepted),
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  async listen(handler: TransportHandler): Promise<void> {
    this.#handler = handler;
    await this.#listener.listen();
  }

  frame(payload: Buffer, isBinary: boolean): Buffer | undefined {
    const writer = new ByteWriter();
    try {
      this.#options.protocol.encode(writer, payload, isBinary);
    } catch (thrown) {
      this.#options.logger.error({ err: toError(thrown) }, 'a message could not be encoded');
      return undefined;
    }
    return writer.buffer.subarray(0, writer.length);
  }

  holdPort(): void {
    this.#listener.holdPort();
  }

  releasePort(): void {
    this.#listener.releasePort();
  }

  stopAccepting(): void {
    this.#listener.close();
  }

  #accept(accepted: AcceptedSocket): void {
    const { remoteAddress, remotePort, socket } = accepted;
    accepted.settle();
    const candidate = { remoteAddress, remotePort, request: undefined };
    this.#handler?.admit(candidate, (decision) => {
      if (!decision.isAccepted) {
        socket.destroy();
        return;
      }
      const client = new StreamSocket(accepted, { ...this.#options, listenPort: this.port });
      client.start(decision.onClient(client));
    });
  }
}
