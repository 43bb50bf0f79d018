import type { Socket } from 'node:net';
import type { Logger, StopOptions } from '@gatewayworker/core';
import { AdoptedChild } from './adopted-child.ts';
import { describeChild, ExitRecord } from './child-status.ts';
import { groupSignalMs } from './child-stop.ts';
import type { Orphan } from './orphan.ts';
import { describeProcess, Role } from './process-declaration.ts';
import type { ProcessStatus } from './status-report.ts';

/**
 * Links are dialed again after a second at most: so long after it was ready, a new worker has those to
 * the adopted gateways too, which had to find the new register first.
 */
const linkPauseMs = 1_000;

/** What adopted processes need from their supervisor. */
export interface AdoptedChildrenOptions {
  readonly logger: Logger;
  /** Time that one has to finish when others have its place. */
  readonly stopTimeoutMs: number;
  /** Whether processes of this role and name are declared. */
  readonly isDeclared: (role: Role, name: string) => boolean;
  /** Whether the processes that the new master has made do the work of those with this role and name. */
  readonly isReplaced: (role: Role, name: string) => boolean;
}

/** The processes that an earlier master has started and this one has taken over. They leave, each in its time. */
export class AdoptedChildren {
  readonly #options: AdoptedChildrenOptions;
  readonly #children = new Set<AdoptedChild>();
  readonly #released = new Set<string>();
  #total = 0;
  #retireTimer: NodeJS.Timeout | undefined;
  #isStopping = false;
  /** Set once all are told to end. */
  #stop: StopOptions | undefined;

  constructor(options: AdoptedChildrenOptions) {
    this.#options = options;
  }

  /** How many there have been. */
  get total(): number {
    return this.#total;
  }

  /** The gateways among them. */
  get gateways(): readonly AdoptedChild[] {
    return this.#ofRole(Role.gateway);
  }

  /** Whether one of them has this place. */
  has(role: Role, name: string, id: number): boolean {
    return this.#ofRole(role).some((child) => child.name === name && child.id === id);
  }

  /** Takes a process over. */
  add(orphan: Orphan, socket: Socket): void {
    const { role, name, id, pid, endsInMs } = orphan;
    const logger = this.#options.logger.child({ process: describeProcess(role, name, id) });
    const child: AdoptedChild = new AdoptedChild(
      socket,
      orphan,
      {
        onTerminate: () => this.#handleTerminated(child),
        onEnd: () => {
          this.#children.delete(child);
          logger.info({ oldPid: pid }, 'a process of the master before has left');
        },
      },
      logger,
    );
    this.#children.add(child);
    this.#total += 1;
    logger.info({ oldPid: pid }, 'took over a process of the master before');
    if (this.#isReleased(child)) void child.releasePort();
    if (this.#stop !== undefined) void child.stop(this.#stop);
    else if (endsInMs !== null) void child.stop({ ...this.#finish(), timeoutMs: endsInMs });
    else this.retireSoon();
  }

  /**
   * Has the gateways of a name let the port for clients go, and those that are declared no more: it may be
   * theirs. That goes for those too that come later. Resolves once it is free, or they take too long.
   */
  async releasePorts(name: string): Promise<void> {
    this.#released.add(name);
    const holders = this.gateways.filter((child) => this.#isReleased(child));
    await Promise.all(holders.map((child) => child.releasePort()));
  }

  /**
   * Looks in a moment which of them have successors that are ready: those may go. A gateway goes with its
   * last client; one that has none waits too, until it can take leave of a register.
   */
  retireSoon(): void {
    if (this.#children.size === 0 || this.#isStopping) return;
    clearTimeout(this.#retireTimer);
    this.#retireTimer = setTimeout(() => {
      for (const child of this.#children) {
        if (!this.#options.isReplaced(child.role, child.name)) continue;
        if (child.role === Role.gateway) child.leave();
        else void child.stop(this.#finish());
      }
    }, linkPauseMs);
  }

  /** Stops those of a name at once: they may have what their successors need. */
  giveWay(role: Role, name: string): void {
    for (const child of this.#ofRole(role)) {
      if (child.name === name) void child.stop(this.#finish());
    }
  }

  /** Asks for the figures of each. */
  status(timeoutMs: number): Promise<ProcessStatus[]> {
    const rows = Array.from(this.#children, (child) =>
      describeChild(
        child,
        {
          role: child.role,
          name: child.name,
          id: child.id,
          state: child.state,
          listen: '',
          restarts: 0,
          exits: new ExitRecord(),
        },
        timeoutMs,
      ),
    );
    return Promise.all(rows);
  }

  /** All are to end soon, in the order that the supervisor keeps. */
  prepareStop(): void {
    this.#isStopping = true;
    clearTimeout(this.#retireTimer);
  }

  /** From now on, whoever is taken over is stopped in this way. */
  stopNew(options: StopOptions): void {
    this.#stop = options;
  }

  /** Ends those of a role. */
  async stop(role: Role, options: StopOptions): Promise<void> {
    await Promise.all(this.#ofRole(role).map((child) => child.stop(options)));
  }

  /** Ends all at once. */
  kill(): void {
    for (const child of this.#children) child.kill();
  }

  /** Tells all that the log file was moved away. */
  reopenLogs(): void {
    for (const child of this.#children) child.reopenLog();
  }

  #handleTerminated(child: AdoptedChild): void {
    setTimeout(() => {
      if (!this.#isStopping) void child.stop(this.#finish());
    }, groupSignalMs);
  }

  #isReleased({ role, name }: AdoptedChild): boolean {
    if (role !== Role.gateway || this.#released.size === 0) return false;
    return this.#released.has(name) || !this.#options.isDeclared(role, name);
  }

  #ofRole(role: Role): AdoptedChild[] {
    return [...this.#children].filter((child) => child.role === role);
  }

  /** As the predecessor in a reload. */
  #finish(): StopOptions {
    return { isGraceful: true, timeoutMs: this.#options.stopTimeoutMs, drainMs: 0 };
  }
}
