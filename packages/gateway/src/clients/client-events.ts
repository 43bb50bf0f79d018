import type { GatewayState } from '../gateway-state.ts';
import type { ClientClosure, ClientSocketHandler } from '../transports/transport.ts';
import type { EventDispatcher } from '../workers/event-dispatcher.ts';
import type { ClientConnection } from './client-connection.ts';
import { forgetClient } from './client-table.ts';
import { MessageRate } from './message-rate.ts';
import { ServerClosure } from './server-closure.ts';

/** What the events of all clients have in common. */
export interface ClientEventsContext {
  readonly state: GatewayState;
  /** Another one once the events are handled by the successor of this process. */
  dispatcher: Pick<EventDispatcher, 'dispatchMessage' | 'dispatchClosed'>;
  /** 0 sets no limit. */
  readonly maxMessagesPerSecond: number;
  /** Messages that have come, of all clients. */
  received: number;
}

/** What one client's socket tells: a small object and no closures, because every idle client has one. */
export class ClientEvents implements ClientSocketHandler {
  readonly client: ClientConnection;
  readonly #context: ClientEventsContext;
  readonly #rate: MessageRate | undefined;

  constructor(client: ClientConnection, context: ClientEventsContext) {
    this.client = client;
    this.#context = context;
    const { maxMessagesPerSecond } = context;
    if (maxMessagesPerSecond > 0) {
      this.#rate = new MessageRate(maxMessagesPerSecond, performance.now());
    }
  }

  /** Messages that it may send at once; `undefined` without a limit. */
  get rateLeft(): number | undefined {
    return this.#rate?.left;
  }

  /** Goes on with what another process has counted. */
  restoreRate(left: number): void {
    if (this.#rate !== undefined) this.#rate.left = left;
  }

  onMessage(payload: Buffer, isBinary: boolean): void {
    const client = this.client;
    if (client.isClosing) return;
    const context = this.#context;
    context.received += 1;
    if (this.#rate?.take(performance.now()) === false) {
      context.state.limits.messageRate += 1;
      context.state.sender.close(client, ServerClosure.TooManyMessages);
      return;
    }
    context.dispatcher.dispatchMessage(client, payload, isBinary);
  }

  onClose(closure: ClientClosure): void {
    forgetClient(this.#context.state, this.client);
    this.#context.dispatcher.dispatchClosed(this.client, closure);
  }
}
