import { Guard, type Logger } from '@gatewayworker/core';
import { type ChildSocket, listChildSockets, removeSocket } from '../control/child-socket.ts';
import { ControlClient } from '../control/control-client.ts';
import { orphanProcess, type ProcessSource } from './process-source.ts';

/** A running process, found by its control socket. */
export interface FoundProcess extends ChildSocket {
  readonly source: ProcessSource;
  /** Closes the connection to it. */
  close(): void;
}

/**
 * Finds the processes of a cluster by their control sockets, and removes the sockets of killed processes.
 *
 * @throws {GW_ERR_ACCESS_DENIED} when the run directory, or a socket in it, belongs to another user
 */
export async function findProcesses(pidFile: string, logger?: Logger): Promise<FoundProcess[]> {
  const guard = new Guard(logger);
  const found = listChildSockets(pidFile).map(async (socket) => {
    const client = await ControlClient.connect(socket.path, guard);
    if (client === undefined) {
      removeSocket(socket.path);
      logger?.info(
        { stalePid: socket.pid },
        'removed the control socket of a process that is gone',
      );
      return [];
    }
    const source = orphanProcess(client, socket.pid, socket.path);
    return [{ ...socket, source, close: () => client.close() }];
  });
  return (await Promise.all(found)).flat();
}
