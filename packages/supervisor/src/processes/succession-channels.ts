import type { ChildProcess, StdioOptions } from 'node:child_process';
import { Socket } from 'node:net';
import type { PredecessorChannel, SuccessorChannel } from '@gatewayworker/core';
import { readString } from '../control/json-value.ts';

/** Descriptor of the pipe between a process and its successor, after the standard streams and the `fork` channel. */
const PIPE_DESCRIPTOR = 4;

/** Carries a handle over the `fork` channel. */
interface HandleMessage {
  readonly type: 'gatewayworker:handle';
  readonly name: string;
}

/** Adds the pipe to the stdio of a successor. */
export function successorStdio(stdio: StdioOptions): StdioOptions {
  return Array.isArray(stdio) ? [...stdio.slice(0, PIPE_DESCRIPTOR), 'pipe'] : stdio;
}

/** Channel to a successor, on the side of its parent; `undefined` when the system could not create the process. */
export function successorChannel(
  child: ChildProcess,
  exited: Promise<unknown>,
): SuccessorChannel | undefined {
  const stream: unknown = child.stdio[PIPE_DESCRIPTOR];
  if (!(stream instanceof Socket)) return undefined;
  return {
    stream,
    exited,
    sendHandle: (name, handle) =>
      new Promise((resolve, reject) => {
        const message: HandleMessage = { type: 'gatewayworker:handle', name };
        // The types of Node.js omit raw handles, which `send` accepts as well.
        child.send(message, handle as Socket, undefined, (error) => {
          if (error === null) resolve();
          else reject(error);
        });
      }),
    kill() {
      child.kill('SIGKILL');
    },
  };
}

/** Channel to the predecessor, on the side of its child. */
export function predecessorChannel(): PredecessorChannel {
  const channel: PredecessorChannel = {
    stream: new Socket({ fd: PIPE_DESCRIPTOR, readable: true, writable: true }),
    ended: new Promise((resolve) => process.once('disconnect', resolve)),
    onHandle: () => {},
  };
  process.on('message', (value: unknown, handle: unknown) => {
    const name = readString(value, 'name');
    if (readString(value, 'type') !== 'gatewayworker:handle' || name === undefined) return;
    if (typeof handle === 'object' && handle !== null) channel.onHandle(name, handle);
  });
  return channel;
}
