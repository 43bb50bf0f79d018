import { toError } from '@gatewayworker/core';
import { ByteWriter } from '@gatewayworker/protocol';
import type { AcceptedSocket } from './accepted-socket.ts';
import { ClientListener, type ClientListenerOptions } from './client-listener.ts';
import { ProtocolFailures } from './protocol-failures.ts';
import { openHandle } from './socket-handle.ts';
import type { StreamProtocol } from './stream-protocol.ts';
import { StreamSocket } from './stream-socket.ts';
import type {
  Admission,
  ClientSocket,
  ClientSocketHandler,
  MovedSocket,
  Refusal,
  Transport,
  TransportHandler,
} from './transport.ts';

/** Options and dependencies of a stream transport. */
export interface StreamTransportOptions extends ClientListenerOptions {
  readonly protocol: StreamProtocol;
  readonly maxMessageBytes: number;
}

/** The transport for clients with a stream protocol. */
export class StreamTransport implements Transport {
  readonly #options: StreamTransportOptions;
  readonly #failures: ProtocolFailures;
  readonly #listener: ClientListener;
  #handler: TransportHandler | undefined;

  constructor(options: StreamTransportOptions) {
    this.#options = options;
    this.#failures = new ProtocolFailures(options);
    this.#listener = new ClientListener(options, {
      isHttp: false,
      onSocket: (accepted) => this.#accept(accepted),
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  get handshakes(): number {
    return this.#listener.handshakes;
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
      this.#failures.encode(toError(thrown));
      return undefined;
    }
    return writer.buffer.subarray(0, writer.length);
  }

  adopt(moved: MovedSocket, handler: ClientSocketHandler): ClientSocket {
    const socket = openHandle(moved.handle);
    const { remoteAddress, remotePort, listenPort } = moved;
    this.#listener.adopt(socket, remoteAddress);
    const options = { ...this.#options, failures: this.#failures, listenPort, before: moved };
    const client = new StreamSocket({ socket, remoteAddress, remotePort }, options);
    client.start(handler);
    return client;
  }

  stopListening(): void {
    this.#listener.stopListening();
  }

  stopAccepting(): void {
    this.#listener.close();
    this.#failures.close();
  }

  #accept(accepted: AcceptedSocket): void {
    const { remoteAddress, remotePort, socket } = accepted;
    accepted.settle();
    const candidate = { remoteAddress, remotePort, request: undefined };
    const decide = (decision: Admission | Refusal): void => {
      if (!decision.isAccepted) {
        socket.destroy();
        return;
      }
      const { port: listenPort } = this;
      const failures = this.#failures;
      const client = new StreamSocket(accepted, { ...this.#options, failures, listenPort });
      client.start(decision.onClient(client));
    };
    const { guard } = this.#options.scheduler;
    this.#handler?.admit(
      candidate,
      guard.wrap('stream client decision', decide, () => accepted.fail()),
    );
  }
}
