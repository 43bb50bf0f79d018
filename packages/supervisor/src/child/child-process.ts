import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import {
  DescriptorReserve,
  GatewayWorkerError,
  Guard,
  guardStandardStreams,
  type Logger,
  openLog,
  type ProcessLog,
  type RoleRuntime,
  type StopOptions,
  type SuccessorChannel,
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
 * Runs one declaration in this process until a stop order or a signal.
 *
 * @param declarations - all that the start file has declared
 * @param version - of the package
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

/** The longest order holds the environment of a process. */
const MAX_ORDER_CHARACTERS = 4 * 1_048_576;
/** Time to log what was not finished when the time of a stop is over, in milliseconds. */
const EXIT_MARGIN_MS = 1_000;
/** Time that a master has to stop a process that has handed over its work, in milliseconds. */
const LEAVE_MS = 5_000;
/** Time to tell the master why the process ends after an error, in milliseconds. */
const FAIL_MS = 2_000;
/** Time that a master has to attach to a process that fails at once, in milliseconds. */
const ATTACH_MS = 1_000;

type SpawnOrder = Extract<ChildOrder, { command: typeof ChildCommand.spawn }>;

class ChildProcess {
  readonly #assignment: ChildAssignment;
  readonly #declaration: ProcessDeclaration | undefined;
  readonly #version: string;
  readonly #log: ProcessLog;
  readonly #logger: Logger;
  /** For lines that a client can cause. */
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
  /** The master, as long as it is connected. */
  #master: { readonly pid: number; readonly send: SendPart } | undefined;
  #runtime: RoleRuntime | undefined;
  #isStarted = false;
  #ending = false;

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
    this.#sampler = new ProcessSampler(() => {
      const status = this.#runtime?.status();
      return status === undefined ? 0 : status.received + status.requests;
    });
    this.#socketPath = childSocketPath(pidFile, slotKey(role, name, id), process.pid);
    const handler = {
      maxLineCharacters: MAX_ORDER_CHARACTERS,
      parseOrder: parseChildOrder,
      onOrder: (order: ChildOrder, sendPart: SendPart, closed: Promise<void>) =>
        this.#carryOut(order, sendPart, closed),
    };
    this.#control = new ControlServer(this.#socketPath, handler, this.#guard);
    this.#attached = new Promise((resolve) => {
      this.#onAttached = resolve;
    });
    if (assignment.printsAlone) this.#printAlone();
  }

  /** Opens the control socket, and reacts to signals and to uncaught errors. */
  async listen(): Promise<void> {
    process.on('uncaughtException', (error) => void this.#fail(error));
    process.on('unhandledRejection', (reason) => {
      // A rejected promise that a callback did not await is the error of one client: the other clients of this
      // worker stay.
      if (this.#isStarted && this.#assignment.role === Role.businessWorker) {
        this.#clientLog.error({ err: toError(reason) }, 'unhandled rejection');
      } else {
        void this.#fail(reason);
      }
    });
    // A service manager may send SIGTERM to every process at once, and the order of the stop is the
    // master's to keep: it decides whether this process alone is to end.
    process.on('SIGTERM', () => {
      if (this.#master === undefined) this.#stopAlone();
      else void this.#tell({ event: 'terminated' });
    });
    // Ctrl+C reaches every process of the terminal: the master alone decides what it means.
    // nodemon sends SIGUSR2 to every process.
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => {});
    // The master inspects a process that does not answer: any free port will do.
    process.debugPort = 0;
    process.on('disconnect', () => {
      // The parent died before a master could attach.
      if (this.#master === undefined && this.#onMasterExit === OnMasterExit.stop) this.#stopAlone();
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

  /** Starts the runtime and reports the result to the master. */
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
      // A `listen()` that the runtime has not waited for fails in this turn of the event loop.
      await setImmediate();
      if (this.#ending) return;
      this.#isStarted = true;
      await this.#tellReady();
    } catch (error) {
      await this.#fail(error);
    }
  }

  async #carryOut(order: ChildOrder, sendPart: SendPart, closed: Promise<void>): Promise<unknown> {
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
      state: this.#ending ? 'stopping' : started,
    };
  }

  /** Obeys one master until its connection is closed. */
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
    await this.#tell({ event: 'attached' });
    if (this.#isStarted) await this.#tellReady();
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

  async #tellReady(): Promise<void> {
    const report = { ...this.#runtime?.status(), ...this.#sampler.sample() };
    await this.#tell({ event: 'ready', report: { ...report, droppedLines: 0 } } as ChildEvent);
  }

  /** Resolves once it is on its way, or there is no master. */
  async #tell(event: ChildEvent): Promise<void> {
    await this.#master?.send(event);
  }

  async #spawnSibling(
    { launch, expiresAt, isSuccessor }: SpawnOrder,
    sendPart: SendPart,
  ): Promise<unknown> {
    if (isSuccessor && (this.#runtime?.handOver === undefined || !this.#isStarted)) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'it cannot hand over');
    }
    if (this.#ending || !this.#sockets.isSharing || Date.now() > expiresAt) {
      throw new GatewayWorkerError('GW_ERR_PHASE', 'it has no listening socket to share');
    }
    // It logs for itself. The pipe is for what Node.js prints when the start file fails.
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

  /** Ends this process once its successor has its work; until then it goes on as if there were none. */
  async #handOver(channel: SuccessorChannel): Promise<void> {
    try {
      await this.#runtime?.handOver?.(channel);
    } catch (error) {
      this.#logger.warn(error, 'not handed over');
      return;
    }
    this.#ending = true;
    const { stopTimeoutMs: timeoutMs } = this.#assignment;
    const stop = { isGraceful: true, timeoutMs, drainMs: HANDOVER_MS };
    // The master stops it once it knows that the successor is ready. There may be no master.
    setTimeout(() => void this.#stop(stop), LEAVE_MS);
  }

  #reopenLog(): void {
    try {
      this.#log.reopen();
    } catch (error) {
      this.#logger.error(error, 'cannot open the log again; the old file stays in use');
    }
  }

  #handleLostMaster(): void {
    if (this.#onMasterExit === OnMasterExit.stop) {
      this.#logger.warn('the master is gone: stopping');
      this.#stopAlone();
    } else if (!this.#ending) {
      this.#printAlone();
      this.#logger.warn('the master is gone: running without one');
    }
  }

  /** Prints to the log or the terminal, because the pipes to the parent have lost their reader. */
  #printAlone(): void {
    const streams = guardStandardStreams();
    const output = this.#assignment.logToStdout ? streams.stdout : this.#log.file;
    if (output !== undefined) streams.redirect(output);
  }

  #stopAlone(): void {
    const { stopTimeoutMs } = this.#assignment;
    void this.#stop({ isGraceful: true, timeoutMs: stopTimeoutMs, drainMs: 0 });
  }

  /** A second call may give less time than the first; how the two go together the runtime knows. */
  async #stop({ isGraceful, timeoutMs, drainMs }: StopOptions): Promise<void> {
    this.#ending = true;
    // A master that is gone kills nothing that is late.
    setTimeout(() => process.exit(1), timeoutMs + drainMs + EXIT_MARGIN_MS);
    try {
      await this.#runtime?.stop({ isGraceful, timeoutMs, drainMs });
      process.exit(0);
    } catch (error) {
      this.#logger.error(error, 'could not stop well');
      process.exit(1);
    }
  }

  /** Ends the process: after an uncaught error its state is unknown. */
  async #fail(thrown: unknown): Promise<void> {
    // What fails while the process stops is not worth ending the stop for.
    if (this.#ending) {
      return this.#clientLog.error({ err: toError(thrown) }, 'failed while stopping');
    }
    this.#ending = true;
    // Ends the process also when the master reads nothing or the error cannot be described.
    setTimeout(() => process.exit(1), FAIL_MS);
    try {
      // While the process starts, the master reports the error; later this process logs it.
      if (this.#isStarted) this.#logger.fatal(thrown, 'uncaught error: the process ends');
      if (existsSync(this.#socketPath)) await Promise.race([this.#attached, sleep(ATTACH_MS)]);
      await this.#tell({ event: 'failed', failure: describeFailure(thrown) });
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
