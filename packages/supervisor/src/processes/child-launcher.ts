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
import { failedProcess, launchBeside, ownProcess, type ProcessSource } from './process-source.ts';
import type { RunningChild } from './running-child.ts';
import { existingDirectory, workingDirectory } from './working-directory.ts';

/** How children are made. */
export interface LaunchOptions extends Omit<ResolvedRunOptions, 'onMasterExit'> {
  readonly onMasterExit: OnMasterExit;
  readonly descriptors: DescriptorReserve;
  readonly guard: Guard;
  /** Version of the package. */
  readonly version: string;
  /** Variables that children get. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether children log to the standard output as well as to the log file. */
  readonly logToStdout: boolean;
  /** Gets what children print and the terminal does not show by itself. */
  readonly printChildOutput: (text: string) => void;
}

/** Which process it is to be. */
export type ChildPlace = Pick<ChildAssignment, 'declaration' | 'role' | 'name' | 'id'>;

/** Makes the children of a master. */
export class ChildLauncher {
  readonly #options: LaunchOptions;
  readonly #sockets: ListeningSockets;
  /** Of the start; it may be removed later. */
  readonly #workingDirectory: string;

  constructor(options: LaunchOptions) {
    this.#options = options;
    this.#sockets = new ListeningSockets(options.guard);
    this.#workingDirectory = workingDirectory(options.startFile);
  }

  /** Starts a process, beside one that has the listening sockets where this master has none of them. */
  launch(place: ChildPlace, siblings: readonly RunningChild[]): ProcessSource {
    const { logToStdout, printChildOutput: print, descriptors, guard } = this.#options;
    const { role, name } = place;
    const socketPathOf = this.#socketPathOf(place);
    const launchHere = () =>
      ownProcess(
        launchProcess(this.#describe(place, {}), {
          // What a daemon's children print has to follow the log file when that is moved away.
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
    const launch = this.#describe(place, { printsAlone: true });
    return launchBeside(clients, launch, { socketPathOf, launchHere });
  }

  /** Has a process start its own successor. */
  succeed(place: ChildPlace, predecessor: RunningChild): ProcessSource {
    const { client } = predecessor;
    const error = new GatewayWorkerError(
      'GW_ERR_PROCESS_FAILED',
      'its predecessor cannot start it',
    );
    const launch = this.#describe(place, { printsAlone: true, isSuccessor: true });
    return launchBeside(client === undefined ? [] : [client], launch, {
      socketPathOf: this.#socketPathOf(place),
      launchHere: () => failedProcess(error),
      isSuccessor: true,
    });
  }

  #socketPathOf({ role, name, id }: ChildPlace): (pid: number) => string {
    const key = slotKey(role, name, id);
    return (pid) => childSocketPath(this.#options.pidFile, key, pid);
  }

  #describe(
    place: ChildPlace,
    how: Partial<Pick<ChildAssignment, 'printsAlone' | 'isSuccessor'>>,
  ): LaunchOrder {
    const { startFile, logFile, logToStdout, logLevel, env } = this.#options;
    const { stopTimeoutMs, pidFile, onMasterExit } = this.#options;
    const assignment: ChildAssignment = {
      ...{ ...place, logFile, logToStdout, logLevel, stopTimeoutMs, pidFile, onMasterExit },
      ...{ printsAlone: false, isSuccessor: false, ...how },
    };
    return {
      execPath: process.execPath,
      execArgv: childFlags(process.execArgv, inspector.url() !== undefined),
      startFile,
      // The arguments only tell processes apart in `ps`; a child learns what it is from the variable.
      args: [place.role, place.name, `#${place.id}`],
      cwd: existingDirectory(this.#workingDirectory, dirname(startFile)),
      env: { ...env, [childVariable]: JSON.stringify(assignment) },
    };
  }
}
