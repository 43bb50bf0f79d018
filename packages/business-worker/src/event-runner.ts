import { type Guard, type Logger, ThrottledLog, toError } from '@gatewayworker/core';
import {
  type HandshakeDecision,
  packSessionDelta,
  writeApplySessionDelta,
} from '@gatewayworker/protocol';
import type { ClientContext, ClientEvent } from './client-context.ts';
import type { EventHandler, HandshakeCandidate } from './event-handler.ts';
import { failedDecision, parseHandshakeAnswer } from './handshake-answer.ts';

/** What the runner needs. */
export interface EventRunnerOptions {
  readonly events: EventHandler;
  readonly guard: Guard;
  readonly logger: Logger;
  /** An event is finished, whether its callback succeeded or failed. */
  readonly onFinished: (context: ClientContext, event: ClientEvent) => void;
  /** An exception outside of the callbacks: the client is to be closed. */
  readonly onFailed: (context: ClientContext) => void;
}

/**
 * Runs callbacks: for one client one at a time and in order, for different clients concurrently.
 *
 * A callback that answers no promise is finished when it returns: no promise is made for it, and the
 * next event of its client follows in the same turn.
 */
export class EventRunner {
  readonly #events: EventHandler;
  readonly #log: ThrottledLog;
  readonly #onFinished: EventRunnerOptions['onFinished'];
  /** Runs the callback of an event now, or after those of the client that came before it. */
  readonly run: (context: ClientContext, event: ClientEvent) => void;
  /** The promise of a callback has settled. */
  readonly #settle: (context: ClientContext, event: ClientEvent, failure?: Failure) => void;
  #running = 0;
  #handled = 0;
  #isClosed = false;

  constructor(options: EventRunnerOptions) {
    this.#events = options.events;
    this.#log = new ThrottledLog(options.logger);
    this.#onFinished = options.onFinished;
    const { guard, onFailed } = options;
    const fail = (_error: Error, context: ClientContext, event: ClientEvent): void => {
      context.isBusy = false;
      // The gateway counts it as unfinished otherwise.
      this.#onFinished(context, event);
      onFailed(context);
      this.#runWaiting(context);
    };
    this.run = guard.wrap('client event', this.#run.bind(this), fail);
    this.#settle = guard.wrap('callback settled', this.#finishLater.bind(this), fail);
  }

  /** Callbacks that run now. */
  get running(): number {
    return this.#running;
  }

  /** Events finished since the start. */
  get handled(): number {
    return this.#handled;
  }

  #run(context: ClientContext, event: ClientEvent): void {
    if (context.isBusy || this.#isClosed) {
      context.waiting ??= [];
      context.waiting.push(event);
      return;
    }
    if (this.#start(context, event)) this.#runWaiting(context);
  }

  /** Begins no event any more. Callbacks that run go on, and are told of when they are finished. */
  close(): void {
    this.#isClosed = true;
  }

  /** Asks the application whether a client is let in. Never rejects: an error refuses it. */
  async decide(candidate: HandshakeCandidate): Promise<HandshakeDecision> {
    this.#running += 1;
    try {
      return parseHandshakeAnswer(await this.#events.onHandshake?.(candidate));
    } catch (error) {
      this.report(error, 'onHandshake', undefined);
      return failedDecision;
    } finally {
      this.#running -= 1;
      this.#handled += 1;
    }
  }

  /** Writes the lines that wait. */
  closeLog(): void {
    this.#log.close();
  }

  /** Reports an error of a callback to the application, or logs it: of each callback one line a second. */
  report(thrown: unknown, event: string, clientId: string | undefined): void {
    const { onError } = this.#events;
    if (onError === undefined) {
      this.#log.error({ err: toError(thrown), event, clientId }, `${event} failed`);
      return;
    }
    const logFailure = (failure: unknown): void => {
      this.#log.error({ err: toError(thrown), event, clientId }, `${event} failed`);
      this.#log.error({ err: toError(failure), event: 'onError' }, 'onError failed');
    };
    try {
      const promise = onError(thrown, { event, clientId });
      if (isThenable(promise)) Promise.resolve(promise).then(undefined, logFailure);
    } catch (failure) {
      logFailure(failure);
    }
  }

  /** Runs events until one of them is not finished at once. */
  #runWaiting(context: ClientContext): void {
    if (this.#isClosed) return;
    let next = context.waiting?.shift();
    while (next !== undefined && this.#start(context, next)) next = context.waiting?.shift();
    if (context.waiting?.length === 0) context.waiting = undefined;
  }

  /** Runs the callback of one event. Answers true when it is finished. */
  #start(context: ClientContext, event: ClientEvent): boolean {
    // Busy while a synchronous callback runs too: an event that it causes must not overtake it.
    context.isBusy = true;
    context.redelivered = event.isRedelivered === true;
    let promise: void | Promise<void> | undefined;
    try {
      promise = this.#call(context, event);
    } catch (error) {
      this.report(error, this.#nameOf(context, event), context.clientId);
    }
    if (!isThenable(promise)) {
      this.#finish(context, event);
      return true;
    }
    this.#running += 1;
    // A native promise comes out as it is; a thenable of the application's own may itself throw.
    Promise.resolve(promise).then(
      () => {
        this.#running -= 1;
        this.#settle(context, event);
      },
      (error: unknown) => {
        this.#running -= 1;
        this.#settle(context, event, { error });
      },
    );
    return false;
  }

  #call(context: ClientContext, event: ClientEvent): void | Promise<void> {
    const events = this.#events;
    switch (event.kind) {
      case 'message':
        return events.onMessage?.(context.clientId, event.message, context);
      case 'connected':
        return this.#connect(context);
      case 'closed':
        context.closed = event.closed;
        return events.onClose?.(context.clientId, context);
      default:
        return event satisfies never;
    }
  }

  #connect(context: ClientContext): void | Promise<void> {
    const { onConnect, onWebSocketConnect } = this.#events;
    const { clientId } = context;
    // Each read of `request` parses it.
    const request = onWebSocketConnect && context.request;
    if (onWebSocketConnect === undefined || request === undefined) {
      return onConnect?.(clientId, context);
    }
    // Each of the two is told of the client, whatever becomes of the other.
    const reportFirst = (error: unknown): void => this.report(error, 'onConnect', clientId);
    let connected: void | Promise<void> | undefined;
    try {
      connected = onConnect?.(clientId, context);
    } catch (error) {
      reportFirst(error);
    }
    if (!isThenable(connected)) return onWebSocketConnect(clientId, request, context);
    return Promise.resolve(connected)
      .then(undefined, reportFirst)
      .then(() => onWebSocketConnect(clientId, request, context));
  }

  #finishLater(context: ClientContext, event: ClientEvent, failure?: Failure): void {
    if (failure) this.report(failure.error, this.#nameOf(context, event), context.clientId);
    this.#finish(context, event);
    this.#runWaiting(context);
  }

  #finish(context: ClientContext, event: ClientEvent): void {
    context.isBusy = false;
    this.#handled += 1;
    if (event.kind !== 'closed') this.#storeSession(context, event);
    this.#onFinished(context, event);
  }

  #storeSession(context: ClientContext, event: ClientEvent): void {
    try {
      const change = context.sessionCopy.takeChange();
      const { connection } = context.link;
      if (change === undefined || !connection.isOpen) return;
      const delta = packSessionDelta(change);
      writeApplySessionDelta(connection.writer(), context, delta);
    } catch (error) {
      this.report(error, this.#nameOf(context, event), context.clientId);
    }
  }

  /** Name of the callback of an event, of two of them the last. */
  #nameOf(context: ClientContext, event: ClientEvent): keyof EventHandler {
    if (event.kind !== 'connected') return callbackNameOf[event.kind];
    const { onWebSocketConnect } = this.#events;
    const isLast = onWebSocketConnect !== undefined && context.request !== undefined;
    return isLast ? 'onWebSocketConnect' : 'onConnect';
  }
}

/** What a callback's promise was rejected with. */
interface Failure {
  readonly error: unknown;
}

const callbackNameOf = {
  message: 'onMessage',
  closed: 'onClose',
} as const satisfies Record<Exclude<ClientEvent['kind'], 'connected'>, keyof EventHandler>;

function isThenable(value: unknown): value is Promise<void> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
