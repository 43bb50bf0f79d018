import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import {
  DescriptorReserve,
  emptyRoleStatus,
  GatewayWorkerError,
  Guard,
  guardStandardStreams,
  type Logger,
  openLog,
  type ProcessLog,
  type RoleRuntime,
  type StopOptions,
  type SuccessorChannel,
  sumLoad,
  ThrottledLog,
  toError,
} from '@gatewayworker/core';
import {
  CHILD_PROTOCOL,
  ChildCommand,
  type ChildEvent,
  type ChildIdentity,
  type ChildOrder,
  OnMasterExit,
  parseChildOrder,
} from '../control/child-protocol.ts';
import { childSocketPath, slotKey } from '../control/child-socket.ts';
import { ControlServer, type SendPart } from '../control/control-server.ts';
import { removeRunDirectory } from '../control/run-directory.ts';
import { RunFileRestorer } from '../control/run-file-restorer.ts';
import { describeProcess, type ProcessDeclaration, Role } from '../process-declaration.ts';
import type { ChildAssignment } from '../processes/child-assignment.ts';
import { HANDOVER_MS } from '../processes/child-stop.ts';
import { hashDeclaration } from '../processes/declaration-hash.ts';
import { launchProcess, listeningMessage } from '../processes/launched-process.ts';
import { ListeningSockets } from '../processes/listening-sockets.ts';
import { predecessorChannel } from '../processes/succession-channels.ts';
import { ProcessSampler } from '../report/process-sampler.ts';
import { describeFailure } from './child-failure.ts';

/**
 * Runs one declaration in this process until a stop order or a signal ends it.
 *
 * @param declarations - all declarations of the start file
 * @param version - version of the package
 */
export async function runChildProcess(
  assignment: ChildAssignment,
  declarations: readonly ProcessDeclaration[],
  version: string,
): Promise<void> {
  const child = new ChildProcess(assignment, declarations, version);
  await child.listen();
  await child.start();
}

/** Longest accepted order: `spawn` contains the environment of a process. */
const MAX_ORDER_CHARACTERS = 4 * 1_048_576;
/** Time after the deadline of a stop to log the unfinished work, in milliseconds. */
const EXIT_MARGIN_MS = 1_000;
/** Time for the master to stop a process after its handover; then it stops by itself. In milliseconds. */
const STOP_ORDER_TIMEOUT_MS = 5_000;
/** Time to report an error to the master before the process exits, in milliseconds. */
const FAILURE_REPORT_MS = 2_000;
/** Time for a master to attach to a process that fails at its start, in milliseconds. */
const ATTACH_TIMEOUT_MS = 1_000;

type SpawnOrder = Extract<ChildOrder, { command: typeof ChildCommand.spawn }>;

class ChildProcess {
  readonly #assignment: ChildAssignment;
  readonly #declaration: ProcessDeclaration | undefined;
  readonly #version: string;
  readonly #log: ProcessLog;
  readonly #logger: Logger;
  /** Throttled log for errors that clients can cause. */
  readonly #clientLog: ThrottledLog;
  readonly #descriptors: DescriptorReserve;
  readonly #control: ControlServer<ChildOrder>;
  readonly #socketPath: string;
  readonly #guard: Guard;
  readonly #sockets: ListeningSockets;
  readonly #sampler: ProcessSampler;
  readonly #attached: Promise<void>;
  #onAttached: () => void = () => {};
  #onMasterExit: OnMasterExit;
  /** The master, while it is connected. */
  #master: { readonly pid: number; readonly send: SendPart } | undefined;
  #runtime: RoleRuntime | undefined;
  #isStarted = false;
  #isEnding = false;

  constructor(
    assignment: ChildAssignment,
    declarations: readonly ProcessDeclaration[],
    version: string,
  ) {
    const { role, name, id, logFile, logToStdout, logLevel, pidFile, onMasterExit } = assignment;
    this.#assignment = assignment;
    this.#declaration = findDeclaration(assignment, declarations);
    this.#version = version;
    this.#onMasterExit = onMasterExit;
    this.#log = openLog({
      fields: { role, name, id },
      level: logLevel,
      file: logFile,
      stdout: logToStdout,
    });
    this.#logger = this.#log.logger;
    this.#clientLog = new ThrottledLog(this.#logger);
    this.#descriptors = new DescriptorReserve(this.#logger);
    this.#guard = new Guard(this.#logger);
    this.#sockets = new ListeningSockets(this.#guard);
    this.#sampler = new ProcessSampler(() => sumLoad(this.#runtime?.status() ?? emptyRoleStatus));
    this.#socketPath = childSocketPath(pidFile, slotKey(role, name, id), process.pid);
    const handler = {
      maxLineCharacters: MAX_ORDER_CHARACTERS,
      parseOrder: parseChildOrder,
      onOrder: (order: ChildOrder, sendPart: SendPart, closed: Promise<void>) =>
        this.#execute(order, sendPart, closed),
    };
    this.#control = new ControlServer(this.#socketPath, handler, this.#guard);
    this.#attached = new Promise((resolve) => {
      this.#onAttached = resolve;
    });
    if (assignment.isOutputDetached) this.#redirectOutput();
  }

  /** Opens the control socket, and handles signals and uncaught errors. */
  async listen(): Promise<void> {
    process.on('uncaughtException', (error) => void this.#fail(error));
    process.on('unhandledRejection', (reason) => {
      // A promise that a callback did not await concerns one client: keep the worker for its other clients.
      if (this.#isStarted && this.#assignment.role === Role.businessWorker) {
        this.#clientLog.error({ err: toError(reason) }, 'unhandled rejection');
      } else {
        void this.#fail(reason);
      }
    });
    // A service manager may send SIGTERM to all processes at once. The master keeps the stop order, so it decides
    // whether only this process stops.
    process.on('SIGTERM', () => {
      if (this.#master === undefined) this.#stopSelf();
      else void this.#sendEvent({ event: 'terminated' });
    });
    // Ctrl+C reaches every process of the terminal, and nodemon sends SIGUSR2 to every process: only the master
    // handles these signals.
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => {});
    // The master inspects a process that does not answer; 0 selects a free port for the inspector.
    process.debugPort = 0;
    process.on('disconnect', () => {
      // The parent ended before a master attached.
      if (this.#master === undefined && this.#onMasterExit === OnMasterExit.stop) this.#stopSelf();
    });
    process.on('exit', () => {
      rmSync(this.#socketPath, { force: true });
      removeRunDirectory(this.#socketPath);
    });
    await this.#control.tryListen();
    const folder = dirname(this.#assignment.pidFile);
    const restore = () => this.#control.listenAgain();
    new RunFileRestorer([{ path: this.#socketPath, folder, restore }], this.#logger);
    process.send?.({ type: listeningMessage });
  }

  /** Starts the runtime, and reports the result to the master. */
  async start(): Promise<void> {
    try {
      if (this.#declaration === undefined) throw notDeclared(this.#assignment);
      const { id } = this.#assignment;
      this.#runtime = await this.#declaration.createRuntime({
        id,
        logger: this.#logger,
        descriptors: this.#descriptors,
        openSocket: (address) => this.#sockets.openOwn(address),
        predecessor: this.#assignment.isSuccessor ? predecessorChannel() : undefined,
      });
      await this.#runtime.start();
      // A `listen()` that the runtime did not await fails in this turn of the event loop.
      await setImmediate();
      if (this.#isEnding) return;
      this.#isStarted = true;
      await this.#reportReady();
    } catch (error) {
      await this.#fail(error);
    }
  }

  async #execute(order: ChildOrder, sendPart: SendPart, closed: Promise<void>): Promise<unknown> {
    switch (order.command) {
      case ChildCommand.identify:
        return this.#identify();
      case ChildCommand.attach:
        return await this.#attach(order, sendPart, closed);
      case ChildCommand.detach:
        this.#onMasterExit = OnMasterExit.keep;
        return null;
      case ChildCommand.report:
        return this.#report();
      case ChildCommand.stop:
        void this.#stop(order);
        return null;
      case ChildCommand.connections:
        for (const page of this.#runtime?.connections?.() ?? []) {
          if (!(await sendPart(page))) break;
        }
        return null;
      case ChildCommand.reopenLog:
        this.#reopenLog();
        return null;
      case ChildCommand.closeInspector:
        (await import('node:inspector')).close();
        return null;
      case ChildCommand.spawn:
        return await this.#spawnSibling(order, sendPart);
      default:
        return order satisfies never;
    }
  }

  #identify(): ChildIdentity {
    const { role, name, id } = this.#assignment;
    const started = this.#isStarted ? 'ready' : 'starting';
    return {
      protocol: CHILD_PROTOCOL,
      version: this.#version,
      ...{ role, name, id },
      pid: process.pid,
      declarationHash: this.#declaration === undefined ? '' : hashDeclaration(this.#declaration),
      livedMs: process.uptime() * 1_000,
      state: this.#isEnding ? 'stopping' : started,
    };
  }

  /** Accepts a master until its connection closes. */
  async #attach(
    { masterPid, onMasterExit }: Extract<ChildOrder, { command: typeof ChildCommand.attach }>,
    send: SendPart,
    closed: Promise<void>,
  ): Promise<null> {
    if (this.#master !== undefined) {
      const { role, name, id } = this.#assignment;
      const process = describeProcess(role, name, id);
      const message = `${process} belongs to the master ${this.#master.pid}, which is connected to it: stop that one first`;
      throw new GatewayWorkerError('GW_ERR_CLUSTER_ALREADY_RUNNING', message);
    }
    const master = { pid: masterPid, send };
    this.#master = master;
    this.#onMasterExit = onMasterExit;
    this.#onAttached();
    await this.#sendEvent({ event: 'attached' });
    if (this.#isStarted) await this.#reportReady();
    await closed;
    this.#master = undefined;
    this.#handleLostMaster();
    return null;
  }

  #report(): object {
    const status = this.#runtime?.status();
    if (status === undefined) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'it is still loading its code');
    }
    return { ...status, ...this.#sampler.sample(), droppedLines: this.#log.dropped };
  }

  async #reportReady(): Promise<void> {
    const report = { ...this.#runtime?.status(), ...this.#sampler.sample() };
    await this.#sendEvent({ event: 'ready', report: { ...report, droppedLines: 0 } } as ChildEvent);
  }

  /** Sends an event to the master; resolves once the kernel has it, or at once without a master. */
  async #sendEvent(event: ChildEvent): Promise<void> {
    await this.#master?.send(event);
  }

  async #spawnSibling(
    { launch, expiresAt, isSuccessor }: SpawnOrder,
    sendPart: SendPart,
  ): Promise<unknown> {
    if (isSuccessor && (this.#runtime?.handOver === undefined || !this.#isStarted)) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'it cannot hand over');
    }
    if (this.#isEnding || !this.#sockets.isSharing || Date.now() > expiresAt) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'it has no listening socket to share');
    }
    // The sibling logs for itself. The pipe captures what Node.js prints when the start file fails.
    const stdio = this.#assignment.logToStdout ? ([1, 1] as const) : (['ignore', 'pipe'] as const);
    const sibling = launchProcess(launch, {
      stdio: ['ignore', ...stdio, 'ipc'],
      ...{ isSuccessor, sockets: this.#sockets, guard: this.#guard },
      descriptors: this.#descriptors,
      ...{ scope: '', print: () => {} },
    });
    await sendPart({ pid: sibling.pid });
    void sibling.listening.then((isListening) => sendPart({ isListening }));
    if (sibling.channel !== undefined) void this.#handOver(sibling.channel);
    const { code, signal, output } = await sibling.exited;
    return { code, signal, output };
  }

  /** Hands over to the successor, and ends this process; if that fails, this process keeps running. */
  async #handOver(channel: SuccessorChannel): Promise<void> {
    try {
      await this.#runtime?.handOver?.(channel);
    } catch (error) {
      this.#logger.warn(error, 'handover failed');
      return;
    }
    this.#isEnding = true;
    const { stopTimeoutMs: timeoutMs } = this.#assignment;
    const stop = { isGraceful: true, timeoutMs, drainMs: HANDOVER_MS };
    // The master stops this process once the successor is ready, but there may be no master.
    setTimeout(() => void this.#stop(stop), STOP_ORDER_TIMEOUT_MS);
  }

  #reopenLog(): void {
    try {
      this.#log.reopen();
    } catch (error) {
      this.#logger.error(error, 'cannot reopen the log file; the old file stays in use');
    }
  }

  #handleLostMaster(): void {
    if (this.#onMasterExit === OnMasterExit.stop) {
      this.#logger.warn('the master is gone: stopping');
      this.#stopSelf();
    } else if (!this.#isEnding) {
      this.#redirectOutput();
      this.#logger.warn('the master is gone: running without one');
    }
  }

  /** Redirects printed output to the log or the terminal: no process reads the pipes to the parent. */
  #redirectOutput(): void {
    const streams = guardStandardStreams();
    const output = this.#assignment.logToStdout ? streams.stdout : this.#log.file;
    if (output !== undefined) streams.redirect(output);
  }

  #stopSelf(): void {
    const { stopTimeoutMs } = this.#assignment;
    void this.#stop({ isGraceful: true, timeoutMs: stopTimeoutMs, drainMs: 0 });
  }

  /** Stops the runtime and exits. A second call may set an earlier deadline, which the runtime handles. */
  async #stop({ isGraceful, timeoutMs, drainMs }: StopOptions): Promise<void> {
    this.#isEnding = true;
    // Without a master, no other process kills this one when it is late.
    setTimeout(() => process.exit(1), timeoutMs + drainMs + EXIT_MARGIN_MS);
    try {
      await this.#runtime?.stop({ isGraceful, timeoutMs, drainMs });
      process.exit(0);
    } catch (error) {
      this.#logger.error(error, 'stop failed');
      process.exit(1);
    }
  }

  /** Reports an error and exits: after an uncaught error the state of the process is unknown. */
  async #fail(thrown: unknown): Promise<void> {
    // An error during a stop does not interrupt the stop.
    if (this.#isEnding) {
      return this.#clientLog.error({ err: toError(thrown) }, 'failed while stopping');
    }
    this.#isEnding = true;
    // Exits even if the master does not read, or the error cannot be described.
    setTimeout(() => process.exit(1), FAILURE_REPORT_MS);
    try {
      // While the process starts, the master reports the error; later this process logs it.
      if (this.#isStarted) this.#logger.fatal(thrown, 'uncaught error: the process ends');
      if (existsSync(this.#socketPath))
        await Promise.race([this.#attached, sleep(ATTACH_TIMEOUT_MS)]);
      await this.#sendEvent({ event: 'failed', failure: describeFailure(thrown) });
    } finally {
      process.exit(1);
    }
  }
}

function findDeclaration(
  assignment: ChildAssignment,
  declarations: readonly ProcessDeclaration[],
): ProcessDeclaration | undefined {
  const declaration = declarations[assignment.declaration];
  const isSame = declaration?.role === assignment.role && declaration.name === assignment.name;
  return isSame ? declaration : undefined;
}

function notDeclared({ role, name, id }: ChildAssignment): GatewayWorkerError {
  const process = describeProcess(role, name, id);
  return new GatewayWorkerError(
    'GW_ERR_NOT_DECLARED',
    `the start file must declare the same processes each time it runs, and it did not declare ${process} this time`,
  );
}
