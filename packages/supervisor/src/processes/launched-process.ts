import { fork, type StdioOptions } from 'node:child_process';
import {
  type DescriptorReserve,
  type Guard,
  type SuccessorChannel,
  toWire,
} from '@gatewayworker/core';
import type { ChildExit, LaunchOrder } from '../control/child-protocol.ts';
import { readString } from '../control/json-value.ts';
import { ChildOutput } from './child-output.ts';
import type { ListeningSockets } from './listening-sockets.ts';
import { successorChannel, successorStdio } from './succession-channels.ts';

/** What `launchProcess` needs besides the order. */
export interface LaunchContext {
  readonly stdio: StdioOptions;
  /** Whether the new process takes over from this one. @default false */
  readonly isSuccessor?: boolean;
  readonly sockets: ListeningSockets;
  /** Keeps the parent running when a listener of the process throws. */
  readonly guard: Guard;
  /** Reserve of descriptors for the process when no others are left. */
  readonly descriptors: DescriptorReserve;
  /** See `ListeningSockets.serve`. */
  readonly scope: string;
  /** Receives what the process prints into pipes. */
  readonly print: (text: string) => void;
}

/** A process, from the side of its parent. */
export interface LaunchedProcess {
  /** `undefined` when the system could not create it. */
  readonly pid: number | undefined;
  /** Resolves with true once its control socket is open, or with false when it ended before. */
  readonly listening: Promise<boolean>;
  /** Resolves once it has ended and its output has been read. */
  readonly exited: Promise<ChildExit>;
  readonly output: ChildOutput;
  /** Channel to it, if it is the successor of this process. */
  readonly channel: SuccessorChannel | undefined;
  /** See `ListeningSockets.release`. */
  releaseSockets(): void;
  kill(): void;
}

/** Message of a child over the `fork` channel, once its control socket is open. */
export const listeningMessage = 'gatewayworker:listening';

// A descriptor that a native module leaked into a grandchild can keep the error output open.
const OUTPUT_GRACE_MS = 500;

/** Starts a process; `exited` reports a failure to create it. */
export function launchProcess(order: LaunchOrder, context: LaunchContext): LaunchedProcess {
  const { execPath, execArgv, startFile, args, cwd, env } = order;
  const { sockets, descriptors, guard, scope, print, isSuccessor = false } = context;
  const stdio = isSuccessor ? successorStdio(context.stdio) : context.stdio;
  descriptors.makeRoom();
  const child = fork(startFile, args, { execPath, execArgv: [...execArgv], cwd, env, stdio });
  sockets.serve(child, scope);
  const kill = () => {
    child.kill('SIGKILL');
  };
  child.stdout?.setEncoding('utf8').on(
    'data',
    guard.wrap('child output', print, () => {}),
  );
  child.stdout?.on('error', () => {});
  const output = new ChildOutput(child.stderr, print, guard);
  const exited = new Promise<ChildExit>((resolve) => {
    const fail = (error: Error) => {
      if (child.pid !== undefined) return;
      resolve({ code: null, signal: null, failure: { error: toWire(error) } });
    };
    // Later errors, such as a signal that could not be sent, must not be unhandled.
    child.on('error', guard.wrap('child error', fail, fail));
    const end = (code: number | null, signal: string | null) => {
      const exit = { code: signal === null ? code : null, signal };
      const report = () => {
        const text = output.tail.trimEnd();
        resolve({ ...exit, ...(text === '' ? {} : { output: text }) });
      };
      const settle = guard.wrap('child end', report, () => resolve(exit));
      void output.ended.then(settle);
      setTimeout(settle, OUTPUT_GRACE_MS);
    };
    child.once(
      'exit',
      guard.wrap('child exit', end, (_error, code, signal) => resolve({ code, signal })),
    );
  });
  const listening = new Promise<boolean>((resolve) => {
    const receive = (value: unknown) => {
      if (readString(value, 'type') !== listeningMessage) return;
      // The connection to its control socket needs a descriptor.
      descriptors.makeRoom();
      resolve(true);
    };
    child.on('message', guard.wrap('child message', receive, kill));
    void exited.then(() => resolve(false));
  });
  return {
    ...{ pid: child.pid, listening, exited, output },
    channel: isSuccessor ? successorChannel(child, exited) : undefined,
    releaseSockets: () => sockets.release(child),
    kill,
  };
}
