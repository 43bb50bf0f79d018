import type { GatewayState } from '../gateway-state.ts';
import type { ClientClosure, ClientSocketHandler } from '../transports/transport.ts';
import type { EventDispatcher } from '../workers/event-dispatcher.ts';
import type { ClientConnection } from './client-connection.ts';
import { forgetClient } from './client-table.ts';
import { MessageRate } from './message-rate.ts';
import { ServerClosure } from './server-closure.ts';

/** State that the `ClientEvents` of all clients share. */
export interface ClientEventsContext {
  readonly state: GatewayState;
  /** Replaced after a handover: then the events go to the successor process. */
  dispatcher: Pick<EventDispatcher, 'dispatchMessage' | 'dispatchClosed'>;
  /** 0 sets no limit. */
  readonly maxMessagesPerSecond: number;
  /** Messages received from all clients. */
  received: number;
}

/** Handles the messages and the end of one client. It creates no functions per client, to save memory. */
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

  /** Messages that the client may send now; `undefined` without a limit. */
  get rateLeft(): number | undefined {
    return this.#rate?.left;
  }

  /** Restores `rateLeft` from the predecessor. */
  restoreRate(left: number): void {
    if (this.#rate !== undefined) this.#rate.left = left;
  }

  onMessage(source: Buffer, start: number, end: number, isBinary: boolean): void {
    const client = this.client;
    if (client.isClosing) return;
    const context = this.#context;
    context.received += 1;
    if (this.#rate?.take(performance.now()) === false) {
      context.state.limits.messageRate += 1;
      context.state.sender.close(client, ServerClosure.TooManyMessages);
      return;
    }
    context.dispatcher.dispatchMessage(client, source, start, end, isBinary);
  }

  onClose(closure: ClientClosure): void {
    forgetClient(this.#context.state, this.client);
    this.#context.dispatcher.dispatchClosed(this.client, closure);
  }
}
