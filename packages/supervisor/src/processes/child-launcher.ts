import inspector from 'node:inspector';
import { dirname } from 'node:path';
import { type DescriptorReserve, GatewayWorkerError, type Guard } from '@gatewayworker/core';
import type { LaunchOrder, OnMasterExit } from '../control/child-protocol.ts';
import { childSocketPath, slotKey } from '../control/child-socket.ts';
import type { ResolvedRunOptions } from '../options.ts';
import { describeProcess, Role } from '../process-declaration.ts';
import { type ChildAssignment, childVariable } from './child-assignment.ts';
import { childFlags } from './child-flags.ts';
import { launchProcess } from './launched-process.ts';
import { ListeningSockets } from './listening-sockets.ts';
import {
  failedProcess,
  launchFromSibling,
  ownProcess,
  type ProcessSource,
} from './process-source.ts';
import type { RunningChild } from './running-child.ts';
import { existingDirectory, workingDirectory } from './working-directory.ts';

/** Options of the children of a master. */
export interface LaunchOptions extends Omit<ResolvedRunOptions, 'onMasterExit'> {
  readonly onMasterExit: OnMasterExit;
  readonly descriptors: DescriptorReserve;
  readonly guard: Guard;
  /** Version of the package. */
  readonly version: string;
  /** Environment variables of the children. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether children log to the standard output as well as to the log file. */
  readonly logToStdout: boolean;
  /** Receives output of children that does not reach the terminal directly. */
  readonly printChildOutput: (text: string) => void;
}

/** The slot that a process fills. */
export type ChildSlot = Pick<ChildAssignment, 'declaration' | 'role' | 'name' | 'id'>;

/** Starts the children of a master. */
export class ChildLauncher {
  readonly #options: LaunchOptions;
  readonly #sockets: ListeningSockets;
  /** Working directory of the start; it may be removed later. */
  readonly #workingDirectory: string;

  constructor(options: LaunchOptions) {
    this.#options = options;
    this.#sockets = new ListeningSockets(options.guard);
    this.#workingDirectory = workingDirectory(options.startFile);
  }

  /** Starts a process. If this master has no copy of the listening sockets, a sibling that has them starts it. */
  launch(slot: ChildSlot, siblings: readonly RunningChild[]): ProcessSource {
    const { logToStdout, printChildOutput: print, descriptors, guard } = this.#options;
    const { role, name } = slot;
    const socketPathOf = this.#socketPathOf(slot);
    const launchHere = () =>
      ownProcess(
        launchProcess(this.#createOrder(slot, {}), {
          // The output of a daemon's children passes through the master, so that log rotation covers it.
          stdio: logToStdout
            ? ['inherit', 'inherit', 'pipe', 'ipc']
            : ['ignore', 'pipe', 'pipe', 'ipc'],
          ...{ sockets: this.#sockets, descriptors, guard },
          scope: describeProcess(role, name, 0),
          print,
        }),
        socketPathOf,
        guard,
      );
    const clients = siblings.flatMap(({ foreignClient }) => foreignClient ?? []);
    const isSharing = role === Role.gateway || role === Role.worker;
    if (!isSharing || clients.length === 0) return launchHere();
    const launch = this.#createOrder(slot, { isOutputDetached: true });
    return launchFromSibling(clients, launch, { socketPathOf, launchHere });
  }

  /** Orders a process to start its own successor. */
  launchSuccessor(slot: ChildSlot, predecessor: RunningChild): ProcessSource {
    const { client } = predecessor;
    const error = new GatewayWorkerError(
      'GW_ERR_PROCESS_FAILED',
      'its predecessor cannot start it',
    );
    const launch = this.#createOrder(slot, { isOutputDetached: true, isSuccessor: true });
    return launchFromSibling(client === undefined ? [] : [client], launch, {
      socketPathOf: this.#socketPathOf(slot),
      launchHere: () => failedProcess(error),
      isSuccessor: true,
    });
  }

  #socketPathOf({ role, name, id }: ChildSlot): (pid: number) => string {
    const key = slotKey(role, name, id);
    return (pid) => childSocketPath(this.#options.pidFile, key, pid);
  }

  #createOrder(
    slot: ChildSlot,
    overrides: Partial<Pick<ChildAssignment, 'isOutputDetached' | 'isSuccessor'>>,
  ): LaunchOrder {
    const { startFile, logFile, logToStdout, logLevel, env } = this.#options;
    const { stopTimeoutMs, pidFile, onMasterExit } = this.#options;
    const assignment: ChildAssignment = {
      ...{ ...slot, logFile, logToStdout, logLevel, stopTimeoutMs, pidFile, onMasterExit },
      ...{ isOutputDetached: false, isSuccessor: false, ...overrides },
    };
    return {
      execPath: process.execPath,
      execArgv: childFlags(process.execArgv, inspector.url() !== undefined),
      startFile,
      // The arguments only identify processes in `ps`; a child reads its assignment from the variable.
      args: [slot.role, slot.name, `#${slot.id}`],
      cwd: existingDirectory(this.#workingDirectory, dirname(startFile)),
      env: { ...env, [childVariable]: JSON.stringify(assignment) },
    };
  }
}
