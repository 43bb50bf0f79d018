import { type Guard, type Logger, ThrottledLog, toError } from '@gatewayworker/core';
import {
  type HandshakeDecision,
  packSessionDelta,
  type ReceivedRequest,
  writeApplySessionDelta,
} from '@gatewayworker/protocol';
import type { ClientContext, ClientEvent } from './client-context.ts';
import type { EventHandler, HandshakeCandidate } from './event-handler.ts';
import { failedDecision, parseHandshakeAnswer } from './handshake-answer.ts';
import {
  decodeRequestData,
  type EncodedReply,
  encodeFailure,
  encodeReply,
} from './request-codec.ts';
import { RequestError } from './request-error.ts';

/** Options of a runner. */
export interface EventRunnerOptions {
  readonly events: EventHandler;
  readonly guard: Guard;
  readonly logger: Logger;
  /** Called when an event is completed and must be acknowledged, whether its callback succeeded or failed. */
  readonly onAcknowledge: (context: ClientContext, event: ClientEvent) => void;
  /** Called with the answer to a request. */
  readonly onReply: (context: ClientContext, number: number, reply: EncodedReply) => void;
  /** Called when `onResume` has refused a client. */
  readonly onRefused: (context: ClientContext) => void;
  /** Called after an exception outside of the callbacks. It must close the client. */
  readonly onFailed: (context: ClientContext) => void;
}

/**
 * Runs callbacks: for one client one at a time and in order, for different clients concurrently.
 *
 * A callback that returns no promise is completed when it returns. No promise is created for it, and the next event of
 * its client follows in the same turn.
 */
export class EventRunner {
  readonly #events: EventHandler;
  readonly #log: ThrottledLog;
  readonly #onAcknowledge: EventRunnerOptions['onAcknowledge'];
  readonly #onReply: EventRunnerOptions['onReply'];
  readonly #onRefused: EventRunnerOptions['onRefused'];
  /** Runs the callback of an event now, or after the earlier events of the client. */
  readonly run: (context: ClientContext, event: ClientEvent) => void;
  /** Called when the promise of a callback has settled. */
  readonly #settle: (context: ClientContext, event: ClientEvent, failure?: Failure) => void;
  #running = 0;
  #completed = 0;
  #isClosed = false;

  constructor(options: EventRunnerOptions) {
    this.#events = options.events;
    this.#log = new ThrottledLog(options.logger);
    this.#onAcknowledge = options.onAcknowledge;
    this.#onReply = options.onReply;
    this.#onRefused = options.onRefused;
    const { guard, onFailed } = options;
    const fail = (_error: Error, context: ClientContext, event: ClientEvent): void => {
      context.isBusy = false;
      // Without an ack the gateway would count it as in flight.
      this.#onAcknowledge(context, event);
      onFailed(context);
      this.#runWaiting(context);
    };
    this.run = guard.wrap('client event', this.#run.bind(this), fail);
    this.#settle = guard.wrap('callback settled', this.#handleSettled.bind(this), fail);
  }

  /** Number of running callbacks. */
  get running(): number {
    return this.#running;
  }

  /** Number of events and handshakes completed since the start. */
  get completed(): number {
    return this.#completed;
  }

  #run(context: ClientContext, event: ClientEvent): void {
    if (context.isBusy || this.#isClosed) {
      context.waiting ??= [];
      context.waiting.push(event);
      return;
    }
    if (this.#start(context, event)) this.#runWaiting(context);
  }

  /** Starts no further callbacks. Running ones finish and are acknowledged. */
  close(): void {
    this.#isClosed = true;
  }

  /** Calls `onHandshake` to decide whether a client is admitted. Never rejects: an error refuses the client. */
  async decide(candidate: HandshakeCandidate): Promise<HandshakeDecision> {
    this.#running += 1;
    try {
      return parseHandshakeAnswer(await this.#events.onHandshake?.(candidate));
    } catch (error) {
      this.report(error, 'onHandshake', undefined);
      return failedDecision;
    } finally {
      this.#running -= 1;
      this.#completed += 1;
    }
  }

  /** Writes the lines that wait. */
  closeLog(): void {
    this.#log.close();
  }

  /** Reports an error of a callback to `onError`, or logs it, at most one line a second for each callback. */
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

  /** Runs waiting events until a callback returns a promise. */
  #runWaiting(context: ClientContext): void {
    if (this.#isClosed) return;
    let next = context.waiting?.shift();
    while (next !== undefined && this.#start(context, next)) next = context.waiting?.shift();
    if (context.waiting?.length === 0) context.waiting = undefined;
  }

  /** Runs the callback of one event. Returns true if it is completed. */
  #start(context: ClientContext, event: ClientEvent): boolean {
    // Also set for a synchronous callback: an event caused by it must run after it.
    context.isBusy = true;
    context.redelivered = event.isRedelivered === true;
    let promise: void | Promise<void> | undefined;
    try {
      promise = this.#call(context, event);
    } catch (error) {
      this.report(error, this.#nameOf(context, event), context.clientId);
    }
    if (!isThenable(promise)) {
      this.#complete(context, event);
      return true;
    }
    this.#running += 1;
    // `Promise.resolve` returns a native promise unchanged. Any other thenable may throw in its `then`.
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
      case 'request':
        return this.#answer(context, event.request);
      case 'dropped':
        return events.onDrop?.(context.clientId, context);
      case 'resumed':
        return this.#resume(context, event.awayMs);
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
    // Both callbacks are called, even if the first one fails.
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

  /** Calls `onRequest`, and sends its result. Never throws or rejects: every request gets an answer. */
  #answer(context: ClientContext, request: ReceivedRequest): void | Promise<void> {
    const { onRequest } = this.#events;
    const { number, requestType } = request;
    const fail = (error: unknown): void => {
      if (!(error instanceof RequestError)) this.report(error, 'onRequest', context.clientId);
      this.#onReply(context, number, encodeFailure(error));
    };
    const answer = (result: unknown): void => {
      try {
        this.#onReply(context, number, encodeReply(result));
      } catch (error) {
        fail(error);
      }
    };
    if (onRequest === undefined) {
      return fail(new RequestError('not-supported', 'the application has no onRequest'));
    }
    let result: unknown;
    try {
      const data = decodeRequestData(request);
      result = onRequest(context.clientId, requestType, data, context);
    } catch (error) {
      return fail(error);
    }
    return isThenable(result)
      ? Promise.resolve<unknown>(result).then(answer, fail)
      : answer(result);
  }

  /** Calls `onResume`, and ends a client that it refuses. An error refuses too. */
  #resume(context: ClientContext, awayMs: number): void | Promise<void> {
    const settle = (answer: unknown): void => {
      if (answer === false) this.#onRefused(context);
    };
    const fail = (error: unknown): never => {
      this.#onRefused(context);
      throw error;
    };
    let answer: unknown;
    try {
      answer = this.#events.onResume?.(context.clientId, context, { awayMs });
    } catch (error) {
      return fail(error);
    }
    return isThenable(answer)
      ? Promise.resolve<unknown>(answer).then(settle, fail)
      : settle(answer);
  }

  #handleSettled(context: ClientContext, event: ClientEvent, failure?: Failure): void {
    if (failure) this.report(failure.error, this.#nameOf(context, event), context.clientId);
    this.#complete(context, event);
    this.#runWaiting(context);
  }

  #complete(context: ClientContext, event: ClientEvent): void {
    context.isBusy = false;
    this.#completed += 1;
    if (event.kind !== 'closed') this.storeSession(context, event);
    this.#onAcknowledge(context, event);
  }

  /** Sends the changes of a session to the gateway, unless the client is moving. */
  storeSession(context: ClientContext, event: ClientEvent): void {
    if (context.isMoving) return;
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

  /** Name of the callback of an event; the last one if it has two. */
  #nameOf(context: ClientContext, event: ClientEvent): keyof EventHandler {
    if (event.kind !== 'connected') return callbackNameOf[event.kind];
    const { onWebSocketConnect } = this.#events;
    const isLast = onWebSocketConnect !== undefined && context.request !== undefined;
    return isLast ? 'onWebSocketConnect' : 'onConnect';
  }
}

/** The rejection of a callback. */
interface Failure {
  readonly error: unknown;
}

const callbackNameOf = {
  message: 'onMessage',
  request: 'onRequest',
  dropped: 'onDrop',
  resumed: 'onResume',
  closed: 'onClose',
} as const satisfies Record<Exclude<ClientEvent['kind'], 'connected'>, keyof EventHandler>;

function isThenable<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
