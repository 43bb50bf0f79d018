import { type Guard, toWire } from '@gatewayworker/core';
import { ChildCommand, type ChildExit, type LaunchOrder } from '../control/child-protocol.ts';
import { removeSocket } from '../control/child-socket.ts';
import { ControlClient } from '../control/control-client.ts';
import { readBoolean, readNumber, readString } from '../control/json-value.ts';
import type { ChildOutput } from './child-output.ts';
import type { LaunchedProcess } from './launched-process.ts';

/** How a master reaches a process and notices its end, whichever process started it. */
export interface ProcessSource {
  /** `undefined` as long as it is not known, and of a process that the system could not make. */
  readonly pid: number | undefined;
  /** The connection to its control socket; `undefined` when it ended before the socket was open. */
  readonly connected: Promise<ControlClient | undefined>;
  /** Resolves once it is gone. */
  readonly exited: Promise<ChildExit>;
  /** Its error output; `undefined` when another process reads it. */
  readonly output: ChildOutput | undefined;
  /** Its control socket, once its pid is known. */
  readonly socketPath: string | undefined;
  /** See `ListeningSockets.release`. */
  releaseSockets(): void;
  kill(): void;
}

/** Answers the path of the control socket of a pid. */
export type SocketPathOf = (pid: number) => string;

const unknownExit: ChildExit = Object.freeze({ code: null, signal: null, isUnknown: true });
/** Time that a process has to confirm that it starts a sibling, in milliseconds; a process that takes longer may hang. */
const SIBLING_TIMEOUT_MS = 2_000;

/** A process that this one has started. */
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
    exited: removingSocket(launched.exited, socketPath),
  };
}

/** A process of an earlier master. */
export function foreignProcess(
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
 * Has one of some processes start another of its declaration, which gets the listening sockets from it.
 *
 * @param siblings - asked one after another
 * @param launchHere - starts the process when none of them has anything to share
 */
export function launchBeside(
  siblings: readonly ControlClient[],
  launch: LaunchOrder,
  {
    socketPathOf,
    launchHere,
    isSuccessor = false,
  }: {
    readonly socketPathOf: SocketPathOf;
    readonly launchHere: () => ProcessSource;
    /** Whether it is to take over from the process that starts it. @default false */
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

/** A process that could not be made. */
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

/** Resolves with the process once it is made; `undefined` when the sibling cannot, or does not answer. */
function requestSibling(
  sibling: ControlClient,
  what: { readonly launch: LaunchOrder; readonly isSuccessor: boolean },
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
    const order = { command: ChildCommand.spawn, ...what, expiresAt } as const;
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
        // Only its parent, which is gone, could report that its control socket is open.
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
    // The parent is gone and the process may live: its end is the end of its own connection.
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
    exited: removingSocket(exited, socketPath),
    releaseSockets() {},
    kill() {
      if (!isGone) killPid(pid);
    },
  };
}

/** A process that was killed could not remove its socket. */
async function removingSocket(
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
