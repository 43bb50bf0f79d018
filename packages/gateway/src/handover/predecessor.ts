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
import type { WorkerLink } from '../workers/worker-link.ts';
import { CandidateRelay } from './candidate-relay.ts';
import { ClientMover } from './client-mover.ts';
import { exportClient, exportFacts, exportLink, listClients } from './export-gateway.ts';
import type { GatewayParts } from './gateway-parts.ts';
import { HandoverLink } from './handover-link.ts';
import {
  type IdentityRecord,
  type PredecessorMessage,
  type SuccessorMessage,
  toRow,
} from './handover-messages.ts';
import { INNER_SOCKET } from './succession.ts';

/**
 * Time that the successor has to take links and clients over, in milliseconds. Frozen links do not answer
 * heartbeats, and a peer waits 8 s for an answer.
 */
const IMPORT_TIMEOUT_MS = 5000;

/** Clients in one message. */
const ROWS = 64;

/** Bytes of events that wait for the successor, past which clients are not read from. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** Longest time over which the clients are closed that cannot move, and for each of them, in milliseconds. */
const SPREAD_MS = { most: 5000, each: 5 };

/** What a predecessor needs of its gateway. */
export interface PredecessorOptions extends GatewayParts {
  readonly identity: IdentityRecord;
  /** Listens for inner links again: the successor did not come. */
  readonly listenAgain: () => Promise<void>;
  /** The successor is announced: registers need not know of this process. */
  readonly withdraw: () => Promise<void>;
}

/** An event that came after the state of its client had been told. */
interface WaitingEvent {
  readonly client: ClientConnection;
  readonly message: Extract<PredecessorMessage, { type: 'message' | 'closed' }>;
}

/** How far a successor has come. */
type Step = 'listening' | 'prepared' | 'factsRead' | 'imported';

type ClientCommand = Extract<SuccessorMessage, { type: 'frame' | 'pause' | 'close' | 'destroy' }>;

/**
 * The side of the predecessor: it tells its successor everything, then only passes on what clients say and are
 * told, and moves their connections one after the other.
 */
export class Predecessor {
  readonly #options: PredecessorOptions;
  readonly #channel: SuccessorChannel;
  readonly #link: HandoverLink<PredecessorMessage, SuccessorMessage>;
  readonly #mover: ClientMover;
  readonly #dispatcher: GatewayParts['dispatcher'];
  /** Clients of which the successor has the facts. */
  readonly #known = new Set<ClientConnection>();
  #waiting: WaitingEvent[] = [];
  #waitingBytes = 0;
  /** Clients that are not read from because the successor does not keep up. */
  readonly #full = new Set<ClientConnection>();
  readonly #candidates: CandidateRelay;
  #isCommitted = false;
  /** Called when the successor is so far. */
  readonly #reached: Record<Step, () => void> = {
    listening: ignore,
    prepared: ignore,
    factsRead: ignore,
    imported: ignore,
  };
  #clock: Deadline | undefined;
  #finished: Promise<void> | undefined;
  #isHurried = false;
  /** Time for which no event of a client was handled. */
  #frozenMs = 0;

  constructor(options: PredecessorOptions, channel: SuccessorChannel) {
    this.#options = options;
    this.#channel = channel;
    this.#dispatcher = options.dispatcher;
    this.#link = new HandoverLink(channel.stream, new FlushScheduler(options.state.guard));
    this.#link.onMessage = (message) => this.#handle(message);
    this.#mover = new ClientMover(options, channel, this.#link);
    this.#candidates = new CandidateRelay(options, this.#link, this.#mover);
  }

  /** True once the successor is the gateway. */
  get isCommitted(): boolean {
    return this.#isCommitted;
  }

  /**
   * Resolves once the successor is the gateway.
   *
   * @throws {GW_ERR_LINK_CLOSED} when the successor is gone before, or does not take over in time; everything is
   * then as before
   */
  async run(): Promise<void> {
    const { identity, innerServer } = this.#options;
    const lost = this.#link.untilLost('the successor is gone');
    // It may be lost long after that is of interest.
    lost.catch(() => undefined);
    const reach = (step: Step): Promise<void> => {
      const reached = new Promise<void>((resolve) => {
        this.#reached[step] = resolve;
      });
      const reachedOrLost = Promise.race([reached, lost]);
      // Another one may be waited for when the successor is lost.
      reachedOrLost.catch(() => undefined);
      return reachedOrLost;
    };
    const prepared = reach('prepared');
    const imported = reach('imported');
    await reach('listening');
    this.#link.send({ type: 'identity', identity });
    if (innerServer.handle === undefined) throw new GatewayWorkerError('GW_ERR_PHASE');
    await this.#channel.sendHandle(INNER_SOCKET, innerServer.handle);
    await prepared;
    const factsRead = reach('factsRead');
    await this.#tellFacts();
    await factsRead;
    const frozenAt = performance.now();
    this.#export();
    const timer = new AbortController();
    const late = expire(IMPORT_TIMEOUT_MS, timer.signal);
    late.catch(() => undefined);
    try {
      await Promise.race([imported, late]);
    } catch (error) {
      await this.#goBack();
      throw toError(error);
    } finally {
      timer.abort();
    }
    this.#commit();
    this.#frozenMs = Math.round(performance.now() - frozenAt);
  }

  /** Moves the clients, closes those that cannot move, and resolves when none is left or the time is over. */
  async finish(options: StopOptions): Promise<void> {
    const timeMs = options.timeoutMs + options.drainMs;
    this.#clock ??= new Deadline(timeMs);
    this.#clock.shorten(timeMs);
    this.#isHurried ||= options.drainMs === 0;
    this.#finished ??= this.#finish(this.#clock, options);
    await this.#finished;
  }

  async #finish(clock: Deadline, { timeoutMs }: StopOptions): Promise<void> {
    const { state, transport, logger } = this.#options;
    const { clients, sender } = state;
    const lastMs = Math.min(timeoutMs, 2 * SPREAD_MS.most);
    const isDone = (): boolean => !this.#link.isOpen || (this.#mover.isDone && this.#isQuiet);
    await clock.waitUntil(() => this.#isHurried || isDone(), lastMs);
    const { moved } = this.#mover;
    const left = clients.size;
    logger.info({ moved, left, frozenMs: this.#frozenMs }, 'clients moved to the successor');
    await this.#closeRest(Math.min(left * SPREAD_MS.each, SPREAD_MS.most, lastMs / 2));
    transport.stopAccepting();
    await clock.waitUntil(() => clients.size === 0, lastMs / 4);
    for (const client of clients.all()) sender.destroy(client, ClosedBy.Server);
    await clock.waitUntil(() => clients.size === 0);
    this.#link.close();
    await this.#link.closed;
  }

  /** Closes the clients that cannot move, or have nowhere to go. */
  async #closeRest(overMs: number): Promise<void> {
    this.#mover.stop();
    await closeClients(this.#options.state, overMs, () => this.#isHurried);
  }

  /** True when no handshake is under way. */
  get #isQuiet(): boolean {
    return this.#candidates.size === 0 && this.#options.transport.handshakes === 0;
  }

  /** Tells what never changes about the clients, some in each turn, so that the freeze is shorter. */
  async #tellFacts(): Promise<void> {
    const clients = [...listClients(this.#options)];
    for (let index = 0; index < clients.length && this.#link.isOpen; index += ROWS) {
      const told = clients.slice(index, index + ROWS);
      this.#link.send({ type: 'facts', clients: told.map(exportFacts) });
      for (const client of told) this.#known.add(client);
      await turn();
    }
    // What it has not read by then would be part of the freeze.
    this.#link.send({ type: 'factsTold' });
  }

  /** Sends the whole state, within one turn; later changes are sent as they come. */
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
    const unknown = clients.filter((client) => !this.#known.has(client));
    this.#link.send({ type: 'facts', clients: unknown.map(exportFacts) });
    for (let index = 0; index < clients.length; index += ROWS) {
      const rows = clients
        .slice(index, index + ROWS)
        .map((client) => toRow(exportClient(this.#options, client, linkIds)));
      this.#link.send({ type: 'clients', clients: rows });
    }
    this.#known.clear();
    this.#link.send({ type: 'end', lastConnection: state.clients.lastConnection });
    clientEvents.dispatcher = {
      dispatchMessage: (client, payload, isBinary) =>
        this.#tell({
          client,
          message: { type: 'message', connection: client.connection, payload, isBinary },
        }),
      dispatchClosed: (client, closure) =>
        this.#tell({ client, message: { type: 'closed', connection: client.connection, closure } }),
    };
  }

  /** Tells what a client said, or keeps it while the successor may still fail. */
  #tell(event: WaitingEvent): void {
    const { client, message } = event;
    if (this.#isCommitted) {
      this.#link.send(message);
      if (this.#link.pendingBytes < MAX_WAITING_BYTES) return;
    } else if (message.type === 'closed') {
      this.#waiting.push(event);
    } else {
      // The bytes are the socket's.
      const payload = Buffer.from(message.payload);
      this.#waiting.push({ client, message: { ...message, payload } });
      this.#waitingBytes += payload.length;
      if (this.#waitingBytes < MAX_WAITING_BYTES) return;
    }
    this.#full.add(client);
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
    for (const { message } of this.#waiting) this.#link.send(message);
    this.#waiting = [];
    dispatcher.close();
    transport.stopListening();
    gate.open((candidate, decide) => this.#candidates.admit(candidate, decide));
    this.#link.onDrain = () => this.#resumeFull();
    this.#resumeFull();
    state.guard.follow('successor lost', this.#closeLost(), ignore, ignore);
    this.#mover.start();
  }

  /** The successor did not come: everything is as before. */
  async #goBack(): Promise<void> {
    const { clientEvents, innerServer, gate, listenAgain, logger } = this.#options;
    // It must not answer workers any more.
    this.#channel.kill();
    await this.#channel.exited;
    await listenAgain();
    innerServer.thawAll();
    clientEvents.dispatcher = this.#dispatcher;
    for (const { client, message } of this.#waiting) {
      if (message.type === 'closed') this.#dispatcher.dispatchClosed(client, message.closure);
      else this.#dispatcher.dispatchMessage(client, message.payload, message.isBinary);
    }
    this.#waiting = [];
    this.#resumeFull();
    gate.open();
    logger.warn('the successor did not take over: nothing has changed');
  }

  /** Once the successor is lost, closes the clients that have not moved: no process handles their events. */
  async #closeLost(): Promise<void> {
    await this.#link.closed;
    const { clientEvents, state } = this.#options;
    clientEvents.dispatcher = { dispatchMessage: () => undefined, dispatchClosed: () => undefined };
    this.#candidates.close();
    await this.#closeRest(Math.min(SPREAD_MS.most, state.clients.size * SPREAD_MS.each));
  }

  #resumeFull(): void {
    for (const client of this.#full) client.resume(PauseReason.SuccessorFull);
    this.#full.clear();
  }

  #handle(message: SuccessorMessage): void {
    switch (message.type) {
      case 'listening':
      case 'prepared':
      case 'factsRead':
      case 'imported':
        this.#reached[message.type]();
        break;
      case 'serving':
        this.#options.innerLinks.dropAll();
        this.#link.send({ type: 'linksClosed' });
        break;
      case 'announced':
        this.#options.state.guard.follow('withdrawal', this.#options.withdraw(), ignore, ignore);
        break;
      case 'quiet':
        this.#mover.handleQuiet(message.connection);
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
        this.#command(message);
    }
  }

  /** Does what the successor asks for a client whose connection is still here. */
  #command(message: ClientCommand): void {
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
  // Nothing waits for it.
}

/** @throws {GW_ERR_LINK_CLOSED} when the time is over */
async function expire(timeMs: number, signal: AbortSignal): Promise<never> {
  await sleep(timeMs, undefined, { signal });
  throw new GatewayWorkerError('GW_ERR_LINK_CLOSED', 'the successor takes too long');
}
