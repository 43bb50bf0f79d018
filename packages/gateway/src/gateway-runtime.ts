import { setTimeout as sleep } from 'node:timers/promises';
import {
  emptyRoleStatus,
  GatewayWorkerError,
  type HostPort,
  type ListenTarget,
  quickStop,
  type RoleRuntime,
  type RoleStatus,
  type StopOptions,
  type SuccessorChannel,
} from '@gatewayworker/core';
import type { ConnectionStatus } from '@gatewayworker/protocol';
import { listConnections } from './clients/connection-list.ts';
import { Heartbeat } from './clients/heartbeat.ts';
import { createGateway } from './create-gateway.ts';
import type { GatewayContext } from './gateway-context.ts';
import type { GatewayParts } from './gateway-parts.ts';
import { GatewayStop } from './gateway-stop.ts';
import { addressesOf } from './handover/gateway-addresses.ts';
import { HANDOVER_VERSION } from './handover/handover-messages.ts';
import type { IncomingHandover } from './handover/incoming-handover.ts';
import { OutgoingHandover } from './handover/outgoing-handover.ts';
import { innerListenAddress, type ResolvedGatewayOptions } from './options.ts';

// Exported here, so that `loadGateway` loads both at once.
export { IncomingHandover } from './handover/incoming-handover.ts';

/** Longest wait at the start for workers that the registers list, in milliseconds. */
const WORKERS_TIMEOUT_MS = 2000;
/** Interval of the check for these workers, in milliseconds. */
const WORKERS_CHECK_MS = 10;

/** The life cycle of a gateway process, which holds client sockets and never loads event handlers. */
export class GatewayRuntime implements RoleRuntime<ConnectionStatus> {
  readonly #options: ResolvedGatewayOptions;
  readonly #id: number;
  readonly #parts: GatewayParts;
  readonly #incoming: IncomingHandover | undefined;
  #outgoing: OutgoingHandover | undefined;
  #innerPort = 0;
  #isAccepting = false;
  #stop: GatewayStop | undefined;
  #stopped: Promise<void> | undefined;
  #heartbeat: Heartbeat | undefined;

  /** @param incoming - the handover from the predecessor, if there is one */
  constructor(
    options: ResolvedGatewayOptions,
    context: GatewayContext,
    incoming?: IncomingHandover,
  ) {
    this.#options = options;
    this.#id = context.id;
    this.#incoming = incoming;
    const isAccepting = (): boolean => this.#isAccepting;
    this.#parts = createGateway(options, context, { identity: incoming?.identity, isAccepting });
  }

  /** Port for clients, after the start. */
  get port(): number {
    return this.#parts.transport.port;
  }

  /** True once `stop` was called. */
  get isStopped(): boolean {
    return this.#stop !== undefined;
  }

  /** Port for inner links, after the start. */
  get innerPort(): number {
    return this.#innerPort;
  }

  /** Number of ready workers. */
  get workerCount(): number {
    return this.#parts.routes.workerCount;
  }

  get #owner(): string {
    return `Gateway "${this.#options.name}"`;
  }

  async start(): Promise<void> {
    if (this.#incoming !== undefined) return await this.#takeOver(this.#incoming);
    await this.#listenForLinks(this.#innerAddress());
    await this.#parts.presence.announce(this.#innerPort);
    await this.#awaitWorkers();
    // `stop` was called during the start.
    if (this.isStopped) return;
    await this.#listenForClients();
  }

  async handOver(successor: SuccessorChannel): Promise<void> {
    if (this.isStopped || !this.#isAccepting || this.#outgoing !== undefined) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'the gateway is starting or stopping');
    }
    const { host } = innerListenAddress(this.#options);
    const { instanceId, state } = this.#parts;
    const { gatewayToken } = state.clients;
    const innerPort = this.#innerPort;
    const addresses = addressesOf(this.#options);
    const outgoing = new OutgoingHandover(
      {
        ...this.#parts,
        identity: { version: HANDOVER_VERSION, instanceId, gatewayToken, innerPort, addresses },
        listenAgain: () => this.#listenForLinks({ host, port: innerPort }),
        withdraw: () => this.#withdraw(),
      },
      successor,
    );
    this.#outgoing = outgoing;
    try {
      await outgoing.run();
    } catch (error) {
      this.#outgoing = undefined;
      throw error;
    }
    this.#isAccepting = false;
  }

  async stop(options: StopOptions = quickStop): Promise<void> {
    if (this.#outgoing?.isCommitted) {
      await this.#endAfterHandover(this.#outgoing, options);
      return;
    }
    const { state, dispatcher, resume } = this.#parts;
    if (this.#stop === undefined) {
      this.#stop = new GatewayStop(options, {
        ...state,
        dispatcher,
        moves: resume.moves,
        stopAccepting: () => this.#stopAccepting(),
        withdraw: () => this.#withdraw(),
      });
      this.#stopped = this.#end(this.#stop);
    } else {
      this.#stop.makeQuick(options);
    }
    await this.#stopped;
  }

  status(): RoleStatus {
    const { state, dispatcher, routes, innerLinks, innerServer, clientEvents, resume } =
      this.#parts;
    const { clients, uids, groups, sender } = state;
    return {
      ...emptyRoleStatus,
      listen: this.#options.listen,
      ready: this.#isAccepting,
      notReadyReasons: this.isStopped ? [] : this.#notReadyReasons(),
      warnings: this.isStopped ? [] : this.#parts.presence.warnings,
      connections: clients.size + innerServer.connectionCount,
      inFlight: dispatcher.eventsInFlight,
      sent: sender.sent,
      received: clientEvents.received,
      failedSends: sender.failed,
      requests: innerLinks.queryCount,
      limits: { ...state.limits, internalError: state.guard.caught },
      tables: {
        clients: clients.size,
        uids: uids.size,
        groups: groups.size,
        heldEvents: dispatcher.heldEvents,
        parked: resume.parked.size,
        receipts: resume.receipts.size,
        workers: routes.workerCount,
      },
    };
  }

  connections(): Iterable<readonly ConnectionStatus[]> {
    return listConnections(this.#parts.state.clients);
  }

  /** Takes over the gateway from the predecessor. Clients and workers are frozen for a moment. */
  async #takeOver(incoming: IncomingHandover): Promise<void> {
    const { gate, presence } = this.#parts;
    gate.close();
    await incoming.takeOver(this.#parts);
    const { host } = innerListenAddress(this.#options);
    const { innerPort: port } = incoming.identity;
    const openSocket = (): Promise<object> => Promise.resolve(incoming.innerSocket);
    await this.#listenForLinks({ host, port, openSocket });
    await this.#listenForClients();
    gate.open();
    incoming.sendServing();
    // Not awaited: the gateway serves already, and a register may hang.
    const announced = (): void => incoming.sendAnnounced();
    void presence.announce(this.#innerPort).then(announced, announced);
  }

  async #listenForLinks(target: ListenTarget): Promise<void> {
    this.#innerPort = await this.#parts.innerServer.listen(target, this.#owner);
  }

  async #listenForClients(): Promise<void> {
    try {
      await this.#parts.transport.listen(this.#parts.gate);
    } catch (error) {
      await this.#withdraw();
      throw error;
    }
    this.#heartbeat = new Heartbeat(this.#options, this.#parts.state);
    this.#isAccepting = true;
  }

  async #end(stop: GatewayStop): Promise<void> {
    await stop.run();
    await this.#close();
  }

  /** Ends the process after a handover. */
  async #endAfterHandover(outgoing: OutgoingHandover, options: StopOptions): Promise<void> {
    await outgoing.finish(options);
    await this.#withdraw();
    await this.#close();
  }

  async #close(): Promise<void> {
    const { dispatcher, innerServer, state, descriptors } = this.#parts;
    this.#heartbeat?.stop();
    dispatcher.close();
    this.#parts.resume.parked.close();
    this.#parts.resume.receipts.close();
    await innerServer.close();
    state.guard.close();
    state.clientLog.close();
    descriptors.close();
  }

  #notReadyReasons(): string[] {
    const { routes, descriptors, presence } = this.#parts;
    const reasons = routes.describeEmpty();
    if (descriptors.isUsed) reasons.push('too many open files: new clients are refused');
    return [...reasons, ...presence.notReadyReasons];
  }

  #stopAccepting(): void {
    this.#isAccepting = false;
    this.#parts.transport.stopAccepting();
  }

  /** Waits for the links of running workers, so that no client is refused for the lack of one. */
  async #awaitWorkers(): Promise<void> {
    const { liveness, routes } = this.#parts;
    const deadline = performance.now() + WORKERS_TIMEOUT_MS;
    while (liveness.hasWorkers && routes.describeEmpty().length > 0) {
      if (this.isStopped || performance.now() > deadline) return;
      await sleep(WORKERS_CHECK_MS);
    }
  }

  async #withdraw(): Promise<void> {
    await this.#parts.presence.withdraw();
  }

  #innerAddress(): HostPort {
    const { host, port } = innerListenAddress(this.#options);
    return { host, port: port === 0 ? 0 : port + this.#id };
  }
}
