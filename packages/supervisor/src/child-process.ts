import { setImmediate } from 'node:timers/promises';
import {
  DescriptorReserve,
  GatewayWorkerError,
  guardStandardStreams,
  type Logger,
  openLog,
  type ProcessLog,
  type RoleRuntime,
  type StopOptions,
} from '@gatewayworker/core';
import type { ChildAssignment } from './child-assignment.ts';
import { describeFailure } from './child-failure.ts';
import type { MasterMessage } from './child-messages.ts';
import { ConnectionPages } from './connection-pages.ts';
import { MasterLink } from './master-link.ts';
import type { Orphan } from './orphan.ts';
import { describeProcess, type ProcessDeclaration, Role } from './process-declaration.ts';
import { ProcessSampler } from './process-sampler.ts';

/**
 * Runs one declaration in this process, under its master, until it is told to stop.
 *
 * @param declarations - all that the start file has declared
 */
export async function runChildProcess(
  assignment: ChildAssignment,
  declarations: readonly ProcessDeclaration[],
): Promise<void> {
  const child = new ChildProcess(assignment);
  child.watch();
  await child.start(declarations);
}

/** Time to log what was not finished when the time of a stop is over, in milliseconds. */
const exitMarginMs = 250;
/** Time to tell the master why the process ends after an error, in milliseconds. */
const failMs = 2_000;

class ChildProcess {
  readonly #assignment: ChildAssignment;
  readonly #log: ProcessLog;
  readonly #logger: Logger;
  readonly #descriptors: DescriptorReserve;
  readonly #master: MasterLink;
  readonly #pages = new ConnectionPages();
  readonly #sampler: ProcessSampler;
  #runtime: RoleRuntime | undefined;
  #isStarted = false;
  /** Whether the master has asked since: it does so at once, and counts the start as good with the answer. */
  #isConfirmed = false;
  #ending = false;
  /** When it is over with the stop, on the clock of `performance.now()`. */
  #endsAt: number | undefined;
  #leaving: Promise<void> | undefined;
  #onPortFree: () => void = () => {};

  constructor(assignment: ChildAssignment) {
    const { role, name, id, logFile, logToStdout, logLevel } = assignment;
    this.#assignment = assignment;
    this.#log = openLog({
      fields: { role, name, id },
      level: logLevel,
      file: logFile,
      stdout: logToStdout,
    });
    this.#logger = this.#log.logger;
    this.#descriptors = new DescriptorReserve(this.#logger);
    this.#sampler = new ProcessSampler(() => {
      const status = this.#runtime?.status();
      return status === undefined ? 0 : status.received + status.requests;
    });
    this.#master = new MasterLink(
      { ...assignment, introduce: () => this.#introduce() },
      {
        onMessage: (message) => this.#receive(message),
        onLost: () => this.#handleLostMaster(),
        onAdopted: () => this.#logger.info('another master has taken over'),
        onForsaken: () => {
          if (this.#endsAt !== undefined) return;
          this.#logger.warn('no master has come: stopping');
          this.#stopAlone();
        },
      },
    );
  }

  /** Reacts to the master, to signals and to errors that nobody catches. */
  watch(): void {
    this.#master.watch();
    void this.#master.send({ type: 'gatewayworker:listening' });
    process.on('uncaughtException', (error) => void this.#fail(error));
    process.on('unhandledRejection', (reason) => {
      // A promise that a callback let go of is one client's error: the stack that it broke is its own,
      // and the other clients of this worker have no part in it.
      if (this.#isStarted && this.#assignment.role === Role.businessWorker) {
        this.#logger.error(reason, 'unhandled rejection');
      } else {
        void this.#fail(reason);
      }
    });
    // A service manager may send SIGTERM to every process at once, and the order of the stop is the
    // master's to keep: it decides whether this process alone is to end.
    process.on('SIGTERM', () => {
      if (this.#master.isUp) void this.#master.send({ type: 'gatewayworker:terminated' });
      else this.#stopAlone();
    });
    // Ctrl+C reaches every process of the terminal: the master alone decides what it means.
    // nodemon sends SIGUSR2 to every process.
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => {});
    // The master may ask Node.js what a process is doing that does not answer: any free port will do.
    process.debugPort = 0;
  }

  /** Starts the runtime and tells the master how that went. */
  async start(declarations: readonly ProcessDeclaration[]): Promise<void> {
    try {
      const declaration = findDeclaration(this.#assignment, declarations);
      const { id, hasPredecessor } = this.#assignment;
      const claimPort = () => this.#claimPort();
      const logger = this.#logger;
      const descriptors = this.#descriptors;
      const context = { id, logger, descriptors, hasPredecessor, claimPort };
      this.#runtime = await declaration.createRuntime(context);
      await this.#runtime.start();
      // Lets a `listen()` that the runtime has not waited for send its request to the master first,
      // which then knows how it went before it takes this process for ready.
      await setImmediate();
      this.#isStarted = true;
      await this.#master.send({ type: 'gatewayworker:started' });
    } catch (error) {
      await this.#fail(error);
    }
  }

  #receive(message: MasterMessage): void {
    switch (message.type) {
      case 'gatewayworker:adopted':
        return;
      case 'gatewayworker:leave':
        this.#leaving ??= this.#leave();
        return;
      case 'gatewayworker:releasePort':
        this.#runtime?.releasePort?.();
        void this.#master.send({ type: 'gatewayworker:portReleased' });
        return;
      case 'gatewayworker:portFree':
        this.#onPortFree();
        return;
      case 'gatewayworker:stop':
        void this.#stop(message);
        return;
      case 'gatewayworker:report':
        if (this.#runtime !== undefined) this.#report(message.request, this.#runtime);
        return;
      case 'gatewayworker:connections': {
        const page = this.#pages.next(message.request, () => this.#runtime?.connections?.() ?? []);
        void this.#master.send({
          type: 'gatewayworker:connections',
          request: message.request,
          page,
        });
        return;
      }
      case 'gatewayworker:forget':
        this.#pages.forget(message.request);
        return;
      case 'gatewayworker:reopenLog':
        this.#reopenLog();
        return;
      case 'gatewayworker:closeInspector':
        void import('node:inspector').then((inspector) => inspector.close());
        return;
      default:
        message satisfies never;
    }
  }

  #claimPort(): Promise<void> {
    return new Promise((resolve) => {
      this.#onPortFree = resolve;
      void this.#master.send({ type: 'gatewayworker:portClaimed' });
    });
  }

  #introduce(): Orphan {
    const { role, name, id } = this.#assignment;
    return {
      role,
      name,
      id,
      pid: process.pid,
      livedMs: process.uptime() * 1_000,
      endsInMs: this.#endsAt === undefined ? null : Math.max(1, this.#endsAt - performance.now()),
    };
  }

  #reopenLog(): void {
    try {
      this.#log.reopen();
    } catch (error) {
      this.#logger.error(error, 'cannot open the log again; the old file stays in use');
    }
  }

  #report(request: number, runtime: RoleRuntime): void {
    this.#isConfirmed ||= this.#isStarted && !this.#ending;
    const report = {
      ...runtime.status(),
      ...this.#sampler.sample(),
      droppedLines: this.#log.dropped,
    };
    void this.#master.send({ type: 'gatewayworker:report', request, report });
  }

  /**
   * Goes on without a master where the next one is on its way.
   *
   * A register does not: its port must become free, and nobody needs it in the meantime. Nor does a
   * process that is not ready, which may wait for an answer that never comes.
   */
  #handleLostMaster(): void {
    const { orphanMs, role } = this.#assignment;
    if (orphanMs === 0 || !this.#isStarted) {
      this.#logger.warn('the master is gone: stopping');
      this.#stopAlone();
      return;
    }
    if (role === Role.register) {
      this.#logger.warn('the master is gone: ending, for the next register to have the port');
      process.exit(0);
    }
    // The next one is in the background: the terminal, or whatever reads, is no more for this process.
    this.#log.leaveStdout();
    this.#logger.warn('the master is gone: going on until the next one is there');
    if (this.#endsAt === undefined && this.#leaving === undefined) this.#runtime?.holdPort?.();
    this.#pages.forgetAll();
    // Nobody reads the pipes to the master any more.
    if (this.#log.file !== undefined) guardStandardStreams().redirect(this.#log.file);
    if (this.#endsAt !== undefined) {
      // Nobody else would end it when it is late.
      setTimeout(() => process.exit(1), this.#endsAt + exitMarginMs - performance.now());
    }
    this.#master.seek();
  }

  /** Stops with nobody there who would kill it when it is late. */
  #stopAlone(): void {
    const { stopTimeoutMs } = this.#assignment;
    this.#master.end();
    setTimeout(() => process.exit(1), stopTimeoutMs);
    void this.#stop({ isGraceful: true, timeoutMs: stopTimeoutMs, drainMs: 0 });
  }

  /** Ends once the last client has gone by itself. */
  async #leave(): Promise<void> {
    await this.#runtime?.leave?.();
    const { stopTimeoutMs } = this.#assignment;
    await this.#stop({ isGraceful: true, timeoutMs: stopTimeoutMs, drainMs: 0 });
  }

  /** A second call may give less time than the first; how the two go together the runtime knows. */
  async #stop({ isGraceful, timeoutMs, drainMs }: StopOptions): Promise<void> {
    this.#ending = true;
    this.#endsAt ??= performance.now() + timeoutMs + drainMs;
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
    if (this.#ending) return this.#logger.error(thrown, 'failed while stopping');
    this.#ending = true;
    // A master that reads nothing, or an error that cannot be described, must not keep it alive.
    setTimeout(() => process.exit(1), failMs);
    try {
      // Before the first start is done the master tells the user; afterwards it is ours to log.
      if (this.#isConfirmed) this.#logger.fatal(thrown, 'uncaught error: the process ends');
      await this.#master.send({ type: 'gatewayworker:failed', failure: describeFailure(thrown) });
    } finally {
      process.exit(1);
    }
  }
}

function findDeclaration(
  assignment: ChildAssignment,
  declarations: readonly ProcessDeclaration[],
): ProcessDeclaration {
  const declaration = declarations[assignment.declaration];
  if (declaration?.role === assignment.role && declaration.name === assignment.name) {
    return declaration;
  }
  const process = describeProcess(assignment.role, assignment.name, assignment.id);
  throw new GatewayWorkerError(
    'GW_ERR_PROCESS_FAILED',
    `the start file must declare the same processes each time it runs, and it did not declare ${process} this time`,
  );
}
