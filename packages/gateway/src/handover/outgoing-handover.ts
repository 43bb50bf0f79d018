import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import {
  Deadline,
  FlushScheduler,
  GatewayWorkerError,
  type StopOptions,
  type SuccessorChannel,
  toError,
} from '@gatewayworker/core';
import { ClosedBy } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import { closeClients } from '../clients/close-clients.ts';
import { PauseReason } from '../clients/pause-reason.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { WorkerLink } from '../workers/worker-link.ts';
import { CandidateRelay } from './candidate-relay.ts';
import { ClientMover } from './client-mover.ts';
import {
  exportClient,
  exportInfo,
  exportLink,
  leaveResumable,
  listClients,
} from './export-gateway.ts';
import { HandoverLink } from './handover-link.ts';
import {
  type IdentityRecord,
  type PredecessorMessage,
  type SuccessorMessage,
  toRow,
} from './handover-messages.ts';
import { INNER_SOCKET } from './incoming-handover.ts';

/**
 * Time for the successor to import links and clients, in milliseconds. Frozen links do not answer heartbeats, and a
 * peer waits 8 s for an answer.
 */
const IMPORT_TIMEOUT_MS = 5000;

/** Clients per message. */
const CLIENTS_PER_MESSAGE = 64;

/** Bytes of pending events for the successor, past which reading from clients pauses. */
const MAX_PENDING_BYTES = 8 * 1024 * 1024;

/** Time over which the clients that cannot move are closed: at most, and per client, in milliseconds. */
const SPREAD_MS = { max: 5000, perClient: 5 };

/** Parts and callbacks of the gateway that hands over. */
export interface OutgoingHandoverOptions extends GatewayParts {
  readonly identity: IdentityRecord;
  /** Listens for inner links again after the successor has failed. */
  readonly listenAgain: () => Promise<void>;
  /** Removes this process from the registers after the successor is announced. */
  readonly withdraw: () => Promise<void>;
}

/** An event that arrived after the state of its client was sent. */
interface BufferedEvent {
  readonly client: ClientConnection;
  readonly message: Extract<PredecessorMessage, { type: 'message' | 'closed' }>;
}

/** Steps of the successor. */
type Step = 'listening' | 'prepared' | 'infoRead' | 'imported';

type ClientCommand = Extract<SuccessorMessage, { type: 'frame' | 'pause' | 'close' | 'destroy' }>;

/**
 * A handover on the side of the predecessor: it sends its state to the successor, then relays messages from and to the
 * clients, and moves their connections.
 */
export class OutgoingHandover {
  readonly #options: OutgoingHandoverOptions;
  readonly #channel: SuccessorChannel;
  readonly #link: HandoverLink<PredecessorMessage, SuccessorMessage>;
  readonly #mover: ClientMover;
  readonly #dispatcher: GatewayParts['dispatcher'];
  /** Clients whose info was sent. */
  readonly #withInfo = new Set<ClientConnection>();
  #buffered: BufferedEvent[] = [];
  #bufferedBytes = 0;
  /** Clients that are paused because the successor is slow. */
  readonly #paused = new Set<ClientConnection>();
  readonly #candidates: CandidateRelay;
  #isCommitted = false;
  /** Resolves the promise of each step. */
  readonly #onStep: Record<Step, () => void> = {
    listening: ignore,
    prepared: ignore,
    infoRead: ignore,
    imported: ignore,
  };
  #deadline: Deadline | undefined;
  #finished: Promise<void> | undefined;
  #isQuick = false;
  /** Time in which no event was handled. */
  #frozenMs = 0;
  #infoSentAt = 0;

  constructor(options: OutgoingHandoverOptions, channel: SuccessorChannel) {
    this.#options = options;
    this.#channel = channel;
    this.#dispatcher = options.dispatcher;
    this.#link = new HandoverLink(channel.stream, new FlushScheduler(options.state.guard));
    this.#link.onMessage = (message) => this.#handle(message);
    this.#mover = new ClientMover(options, channel, this.#link);
    this.#candidates = new CandidateRelay(options, this.#link, this.#mover);
  }

  /** True after the commit: the successor is the gateway. */
  get isCommitted(): boolean {
    return this.#isCommitted;
  }

  /**
   * Hands over the state. Resolves after the commit.
   *
   * @throws {GW_ERR_LINK_CLOSED} when the successor is lost or too slow; then this process continues as the gateway
   */
  async run(): Promise<void> {
    const { identity, innerServer } = this.#options;
    const lost = this.#link.untilLost('the successor is gone');
    // A rejection after the handover has no handler.
    lost.catch(() => undefined);
    const untilStep = (step: Step): Promise<void> => {
      const reached = new Promise<void>((resolve) => {
        this.#onStep[step] = resolve;
      });
      const reachedOrLost = Promise.race([reached, lost]);
      // A rejection of a step that is not awaited yet has no handler.
      reachedOrLost.catch(() => undefined);
      return reachedOrLost;
    };
    const prepared = untilStep('prepared');
    const imported = untilStep('imported');
    await untilStep('listening');
    this.#link.send({ type: 'identity', identity });
    if (innerServer.handle === undefined) throw new GatewayWorkerError('GW_ERR_PHASE');
    await this.#channel.sendHandle(INNER_SOCKET, innerServer.handle);
    await prepared;
    const infoRead = untilStep('infoRead');
    await this.#sendInfo();
    await infoRead;
    const frozenAt = performance.now();
    this.#export();
    const timer = new AbortController();
    const late = expire(IMPORT_TIMEOUT_MS, timer.signal);
    late.catch(() => undefined);
    try {
      await Promise.race([imported, late]);
    } catch (error) {
      await this.#rollBack();
      throw toError(error);
    } finally {
      timer.abort();
    }
    this.#commit();
    this.#frozenMs = Math.round(performance.now() - frozenAt);
  }

  /** Moves the clients, and closes those that cannot move. Resolves when none is left, or at the deadline. */
  async finish(options: StopOptions): Promise<void> {
    const timeMs = options.timeoutMs + options.drainMs;
    this.#deadline ??= new Deadline(timeMs);
    this.#deadline.shorten(timeMs);
    this.#isQuick ||= options.drainMs === 0;
    this.#finished ??= this.#finish(this.#deadline, options);
    await this.#finished;
  }

  async #finish(deadline: Deadline, { timeoutMs }: StopOptions): Promise<void> {
    const { state, transport, logger } = this.#options;
    const { clients, sender } = state;
    const closeMs = Math.min(timeoutMs, 2 * SPREAD_MS.max);
    const isDone = (): boolean =>
      !this.#link.isOpen || (this.#mover.isDone && !this.#hasHandshakes);
    await deadline.waitUntil(() => this.#isQuick || isDone(), closeMs);
    const { moved } = this.#mover;
    const left = clients.size;
    logger.info({ moved, left, frozenMs: this.#frozenMs }, 'clients moved to the successor');
    await this.#closeRest(Math.min(left * SPREAD_MS.perClient, SPREAD_MS.max, closeMs / 2));
    transport.stopAccepting();
    await deadline.waitUntil(() => clients.size === 0, closeMs / 4);
    for (const client of clients.all()) sender.destroy(client, ClosedBy.Server);
    await deadline.waitUntil(() => clients.size === 0);
    this.#link.close();
    await this.#link.closed;
  }

  /** Stops the moves, and closes the remaining clients. */
  async #closeRest(overMs: number): Promise<void> {
    this.#mover.stop();
    await closeClients(this.#options.state, overMs, () => this.#isQuick);
  }

  get #hasHandshakes(): boolean {
    return this.#candidates.size > 0 || this.#options.transport.handshakes > 0;
  }

  /** Sends the immutable properties of the clients in several turns, which makes the freeze shorter. */
  async #sendInfo(): Promise<void> {
    this.#infoSentAt = performance.now();
    for (const entries of [...this.#options.state.clients.lastSeen.batches()]) {
      this.#link.send({ type: 'lastSeen', entries });
      await turn();
    }
    const clients = [...listClients(this.#options)];
    for (let index = 0; index < clients.length && this.#link.isOpen; index += CLIENTS_PER_MESSAGE) {
      const batch = clients.slice(index, index + CLIENTS_PER_MESSAGE);
      this.#link.send({ type: 'clientInfo', clients: batch.map(exportInfo) });
      for (const client of batch) this.#withInfo.add(client);
      await turn();
    }
    // The successor must have read everything before the freeze begins.
    this.#link.send({ type: 'infoSent' });
  }

  /** Freezes the links, and sends the whole state within one turn. Later events are buffered or forwarded. */
  #export(): void {
    const { innerLinks, innerServer, gate, state, clientEvents } = this.#options;
    innerLinks.flushAll();
    gate.close();
    const linkIds = new Map<WorkerLink, string>();
    for (const frozen of innerServer.freezeAll(new Error('the gateway hands over'))) {
      const link = exportLink(this.#options, frozen);
      if (link === undefined) continue;
      const worker = innerLinks.partsOf(frozen.connection)?.worker;
      if (worker !== undefined) linkIds.set(worker, link.linkId);
      this.#link.send({ type: 'link', link });
    }
    const clients = [...listClients(this.#options)];
    const withoutInfo = clients.filter((client) => !this.#withInfo.has(client));
    this.#link.send({ type: 'clientInfo', clients: withoutInfo.map(exportInfo) });
    for (let index = 0; index < clients.length; index += CLIENTS_PER_MESSAGE) {
      const rows = clients
        .slice(index, index + CLIENTS_PER_MESSAGE)
        .map((client) => toRow(exportClient(this.#options, client, linkIds)));
      this.#link.send({ type: 'clients', clients: rows });
    }
    this.#withInfo.clear();
    for (const entries of state.clients.lastSeen.batches(this.#infoSentAt)) {
      this.#link.send({ type: 'lastSeen', entries });
    }
    this.#link.send({ type: 'stateSent', lastConnection: state.clients.lastConnection });
    clientEvents.dispatcher = {
      dispatchMessage: (client, source, start, end, isBinary) => {
        // A copy, because it may be kept for a roll-back.
        const payload = Buffer.from(source.subarray(start, end));
        const { connection } = client;
        this.#forward({ client, message: { type: 'message', connection, payload, isBinary } });
      },
      // Of clients that can resume: the successor has parked them.
      dispatchEvent: () => undefined,
      dispatchClosed: (client, closure) =>
        this.#forward({
          client,
          message: { type: 'closed', connection: client.connection, closure },
        }),
    };
  }

  /** Sends an event of a client to the successor, or buffers it before the commit. */
  #forward(event: BufferedEvent): void {
    const { client, message } = event;
    if (this.#isCommitted) {
      this.#link.send(message);
      if (this.#link.pendingBytes < MAX_PENDING_BYTES) return;
    } else if (message.type === 'closed') {
      this.#buffered.push(event);
    } else {
      // A copy, because the socket reuses its buffer.
      const payload = Buffer.from(message.payload);
      this.#buffered.push({ client, message: { ...message, payload } });
      this.#bufferedBytes += payload.length;
      if (this.#bufferedBytes < MAX_PENDING_BYTES) return;
    }
    this.#paused.add(client);
    client.pause(PauseReason.SuccessorFull);
  }

  #commit(): void {
    const { state, dispatcher, transport, gate } = this.#options;
    this.#isCommitted = true;
    this.#link.send({ type: 'commit' });
    const { Successor, SuccessorFull } = PauseReason;
    for (const client of state.clients.all()) {
      const reasons = client.pauseReasons;
      const isFull = reasons & SuccessorFull;
      client.restorePause(isFull | (reasons === isFull ? 0 : Successor));
    }
    for (const { message } of this.#buffered) this.#link.send(message);
    this.#buffered = [];
    leaveResumable(this.#options);
    dispatcher.close();
    transport.stopListening();
    gate.open((candidate, decide) => this.#candidates.admit(candidate, decide));
    this.#link.onDrain = () => this.#resumePaused();
    this.#resumePaused();
    state.guard.follow('successor lost', this.#closeLost(), ignore, ignore);
    this.#mover.start();
  }

  /** Kills the successor, and continues as the gateway. */
  async #rollBack(): Promise<void> {
    const { clientEvents, innerServer, gate, listenAgain, logger } = this.#options;
    // A slow successor could still answer workers.
    this.#channel.kill();
    await this.#channel.exited;
    await listenAgain();
    innerServer.thawAll();
    clientEvents.dispatcher = this.#dispatcher;
    for (const client of this.#options.state.clients.all()) client.resumable?.thaw();
    for (const { client, message } of this.#buffered) {
      if (message.type === 'closed') {
        this.#dispatcher.dispatchClosed(client, message.closure);
      } else {
        const { payload, isBinary } = message;
        this.#dispatcher.dispatchMessage(client, payload, 0, payload.length, isBinary);
      }
    }
    this.#buffered = [];
    this.#resumePaused();
    gate.open();
    logger.warn('handover rolled back: the successor failed');
  }

  /** Closes the clients that have not moved when the successor is lost, because no process handles their events. */
  async #closeLost(): Promise<void> {
    await this.#link.closed;
    const { clientEvents, state } = this.#options;
    const ignoreEvent = (): void => undefined;
    clientEvents.dispatcher = {
      dispatchMessage: ignoreEvent,
      dispatchEvent: ignoreEvent,
      dispatchClosed: ignoreEvent,
    };
    this.#candidates.close();
    await this.#closeRest(Math.min(SPREAD_MS.max, state.clients.size * SPREAD_MS.perClient));
  }

  #resumePaused(): void {
    for (const client of this.#paused) client.resume(PauseReason.SuccessorFull);
    this.#paused.clear();
  }

  #handle(message: SuccessorMessage): void {
    switch (message.type) {
      case 'listening':
      case 'prepared':
      case 'infoRead':
      case 'imported':
        this.#onStep[message.type]();
        break;
      case 'serving':
        this.#options.innerLinks.dropAll();
        this.#link.send({ type: 'linksClosed' });
        break;
      case 'announced':
        this.#options.state.guard.follow('withdrawal', this.#options.withdraw(), ignore, ignore);
        break;
      case 'outputHeld':
        this.#mover.handleOutputHeld(message.connection);
        break;
      case 'adopted':
        this.#mover.handleAdopted(message.connection);
        break;
      case 'decision':
        this.#candidates.accept(message);
        break;
      case 'refusal':
        this.#candidates.refuse(message);
        break;
      default:
        this.#execute(message);
    }
  }

  /** Executes a command for a client whose connection has not moved. */
  #execute(message: ClientCommand): void {
    const { sender, clients } = this.#options.state;
    const client = clients.get(message.connection);
    if (client === undefined) return;
    if (message.type === 'frame') sender.sendFrame(client, message.frame);
    else if (message.type === 'close') sender.close(client, message);
    else if (message.type === 'destroy') sender.destroy(client, message.by);
    else if (message.isPaused) client.pause(PauseReason.Successor);
    else client.resume(PauseReason.Successor);
  }
}

function ignore(): void {
  // The result is not needed.
}

/** @throws {GW_ERR_LINK_CLOSED} after the timeout */
async function expire(timeMs: number, signal: AbortSignal): Promise<never> {
  await sleep(timeMs, undefined, { signal });
  throw new GatewayWorkerError('GW_ERR_LINK_CLOSED', 'the successor takes too long');
}
