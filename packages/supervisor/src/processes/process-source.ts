import { type Guard, toWire } from '@gatewayworker/core';
import { ChildCommand, type ChildExit, type LaunchOrder } from '../control/child-protocol.ts';
import { removeSocket } from '../control/child-socket.ts';
import { ControlClient } from '../control/control-client.ts';
import { readBoolean, readNumber, readString } from '../control/json-value.ts';
import type { ChildOutput } from './child-output.ts';
import type { LaunchedProcess } from './launched-process.ts';

/** How a master connects to a process and detects its end, whichever process started it. */
export interface ProcessSource {
  /** `undefined` until it is known, and for a process that the system could not create. */
  readonly pid: number | undefined;
  /** The connection to its control socket; `undefined` when it ended before the socket was open. */
  readonly connected: Promise<ControlClient | undefined>;
  /** Resolves once it has ended. */
  readonly exited: Promise<ChildExit>;
  /** Its error output; `undefined` when another process reads it. */
  readonly output: ChildOutput | undefined;
  /** Its control socket, once its pid is known. */
  readonly socketPath: string | undefined;
  /** See `ListeningSockets.release`. */
  releaseSockets(): void;
  kill(): void;
}

/** Returns the path of the control socket of a pid. */
export type SocketPathOf = (pid: number) => string;

const unknownExit: ChildExit = Object.freeze({ code: null, signal: null, isUnknown: true });
/** Time for a process to confirm that it starts a sibling, in milliseconds; a late one may hang. */
const SIBLING_TIMEOUT_MS = 2_000;

/** A child of this process. */
export function ownProcess(
  launched: LaunchedProcess,
  socketPathOf: SocketPathOf,
  guard: Guard,
): ProcessSource {
  const { pid } = launched;
  const socketPath = pid === undefined ? undefined : socketPathOf(pid);
  return {
    ...launched,
    socketPath,
    connected: launched.listening.then((isListening) =>
      isListening && socketPath !== undefined
        ? ControlClient.connect(socketPath, guard)
        : undefined,
    ),
    exited: removeSocketAfterExit(launched.exited, socketPath),
  };
}

/** A process of an earlier master. */
export function orphanProcess(
  client: ControlClient,
  pid: number,
  socketPath: string,
): ProcessSource {
  let isGone = false;
  const exited = client.closed.then(() => {
    isGone = true;
    return unknownExit;
  });
  return {
    ...{ pid, socketPath, output: undefined, connected: Promise.resolve(client), exited },
    releaseSockets() {},
    kill() {
      // While the connection is open the pid cannot belong to another process.
      if (!isGone) killPid(pid);
    },
  };
}

/**
 * Orders a process to start another one of its declaration, which gets the listening sockets from it.
 *
 * @param siblings - tried one after another
 * @param launchHere - starts the process when no sibling can
 */
export function launchFromSibling(
  siblings: readonly ControlClient[],
  launch: LaunchOrder,
  {
    socketPathOf,
    launchHere,
    isSuccessor = false,
  }: {
    readonly socketPathOf: SocketPathOf;
    readonly launchHere: () => ProcessSource;
    /** Whether the new process takes over from the one that starts it. @default false */
    readonly isSuccessor?: boolean;
  },
): ProcessSource {
  let source: ProcessSource | undefined;
  let isKilled = false;
  const choose = async (): Promise<ProcessSource> => {
    for (const sibling of siblings) {
      source = await requestSibling(sibling, { launch, isSuccessor }, socketPathOf);
      if (source !== undefined) break;
    }
    source ??= launchHere();
    if (isKilled) source.kill();
    return source;
  };
  const chosen = choose();
  return {
    get pid() {
      return source?.pid;
    },
    get output() {
      return source?.output;
    },
    get socketPath() {
      return source?.socketPath;
    },
    connected: chosen.then(({ connected }) => connected),
    exited: chosen.then(({ exited }) => exited),
    releaseSockets: () => source?.releaseSockets(),
    kill() {
      isKilled = true;
      source?.kill();
    },
  };
}

/** A process that could not be started. */
export function failedProcess(error: Error): ProcessSource {
  const exit: ChildExit = { code: null, signal: null, failure: { error: toWire(error) } };
  return {
    ...{ pid: undefined, socketPath: undefined, output: undefined },
    connected: Promise.resolve(undefined),
    exited: Promise.resolve(exit),
    releaseSockets() {},
    kill() {},
  };
}

/** Resolves with the started process; `undefined` when the sibling refuses or does not answer. */
function requestSibling(
  sibling: ControlClient,
  spawn: { readonly launch: LaunchOrder; readonly isSuccessor: boolean },
  socketPathOf: SocketPathOf,
): Promise<ProcessSource | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), SIBLING_TIMEOUT_MS);
    const expiresAt = Date.now() + SIBLING_TIMEOUT_MS;
    let onListening: () => void = () => {};
    let pid: number | undefined;
    const listening = new Promise<void>((settle) => {
      onListening = settle;
    });
    const order = { command: ChildCommand.spawn, ...spawn, expiresAt } as const;
    const ended = sibling.request(order, Number.POSITIVE_INFINITY, (part) => {
      if (readBoolean(part, 'isListening') === true) onListening();
      pid ??= readNumber(part, 'pid');
      if (pid === undefined) return;
      clearTimeout(timer);
      resolve(siblingProcess(pid, socketPathOf(pid), { ended, listening }));
    });
    ended.catch(() => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}

function siblingProcess(
  pid: number,
  socketPath: string,
  { ended, listening }: { readonly ended: Promise<unknown>; readonly listening: Promise<void> },
): ProcessSource {
  let isGone = false;
  let isListening = false;
  const connected = Promise.race([
    listening.then(() => {
      isListening = true;
      return ControlClient.connect(socketPath);
    }),
    ended.then(
      () => undefined,
      () => {
        // Only its parent, which has ended, could report that its control socket is open.
        if (!isListening) killPid(pid);
        return isListening ? ControlClient.connect(socketPath) : undefined;
      },
    ),
  ]);
  const exited = ended.then(
    (result): ChildExit => {
      const output = readString(result, 'output');
      const [code, signal] = [readNumber(result, 'code'), readString(result, 'signal')];
      return { code: code ?? null, signal: signal ?? null, ...(output && { output }) };
    },
    // The parent has ended and the process may live: it ends when its own connection closes.
    async () => {
      await (await connected)?.closed;
      return unknownExit;
    },
  );
  void exited.then(() => {
    isGone = true;
  });
  return {
    ...{ pid, socketPath, output: undefined, connected },
    exited: removeSocketAfterExit(exited, socketPath),
    releaseSockets() {},
    kill() {
      if (!isGone) killPid(pid);
    },
  };
}

/** Removes the socket of a process that could not do so because it was killed. */
async function removeSocketAfterExit(
  exited: Promise<ChildExit>,
  path: string | undefined,
): Promise<ChildExit> {
  const exit = await exited;
  if (path !== undefined) removeSocket(path);
  return exit;
}

function killPid(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}
