import type { GatewayState } from '../gateway-state.ts';
import type { ResumableEvents } from '../resume/resumable-context.ts';
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
  dispatcher: Pick<EventDispatcher, 'dispatchMessage' | 'dispatchEvent' | 'dispatchClosed'>;
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
    if (!this.count()) return;
    this.#context.dispatcher.dispatchMessage(this.client, source, start, end, isBinary);
  }

  /** Counts a message. Returns false if it must not be dispatched. */
  count(): boolean {
    const client = this.client;
    if (client.isClosing) return false;
    const context = this.#context;
    context.received += 1;
    if (this.#rate?.take(performance.now()) !== false) return true;
    context.state.limits.messageRate += 1;
    context.state.sender.close(client, ServerClosure.TooManyMessages);
    return false;
  }

  onClose(closure: ClientClosure): void {
    forgetClient(this.#context.state, this.client);
    this.#context.dispatcher.dispatchClosed(this.client, closure);
  }
}

/** Handles the events of a client that can resume. */
export class ResumableClientEvents extends ClientEvents implements ResumableEvents {
  readonly #shared: ClientEventsContext;

  constructor(client: ClientConnection, context: ClientEventsContext) {
    super(client, context);
    this.#shared = context;
  }

  onRequest(number: number, requestType: string, payload: Buffer, isBinary: boolean): void {
    if (!this.count()) return;
    const copy = Buffer.from(payload);
    const event = { kind: 'request', number, requestType, payload: copy, isBinary } as const;
    this.#shared.dispatcher.dispatchEvent(this.client, { ...event, attempts: 0 });
  }

  onDrop(): void {
    this.#shared.dispatcher.dispatchEvent(this.client, { kind: 'dropped', attempts: 0 });
  }

  onResume(awayMs: number): boolean {
    this.#shared.dispatcher.dispatchEvent(this.client, { kind: 'resumed', awayMs, attempts: 0 });
    return this.client.worker?.decidesResumes !== false;
  }
}
