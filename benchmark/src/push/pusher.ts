import { once } from 'node:events';
import { forkModule } from '../processes/fork-module.ts';
import type { PushCommand } from './push-plan.ts';

/** A process that pushes from outside. */
export interface Pusher {
  /** Tells it how many messages have arrived, so that it sends so many more. */
  noteReceived(messages: number): void;
  stop(): Promise<void>;
}

/** Starts a process that pushes, which begins at once. */
export async function startPusher(
  push: { readonly module: URL; readonly argument: string },
  plan: { readonly uids: number; readonly size: number; readonly window: number },
): Promise<Pusher> {
  const child = forkModule(push.module, [push.argument]);
  // Word of what arrives goes on for a moment after the process has been ended.
  const send = (command: PushCommand) => child.connected && child.send(command, () => undefined);
  const ended = once(child, 'exit');
  const first = await Promise.race([once(child, 'message'), ended.then(() => 'ended')]);
  if (first === 'ended') throw new Error('the process that pushes has ended early');
  send({ type: 'push', ...plan });
  return {
    noteReceived(messages) {
      send({ type: 'received', messages });
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
