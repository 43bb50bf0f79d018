import { once } from 'node:events';
import { forkModule } from '../processes/fork-module.ts';
import type { PushCommand } from './push-plan.ts';

/** A push process: it sends to clients from outside of the cluster. */
export interface Pusher {
  /** Reports how many messages have arrived, so that it sends more. */
  reportReceived(messages: number): void;
  stop(): Promise<void>;
}

/** Starts a push process, which begins at once. */
export async function startPusher(
  push: { readonly module: URL; readonly argument: string },
  plan: { readonly uids: number; readonly size: number; readonly window: number },
): Promise<Pusher> {
  const child = forkModule(push.module, [push.argument]);
  // Reports may still come shortly after the process has ended.
  const send = (command: PushCommand) => child.connected && child.send(command, () => undefined);
  const ended = once(child, 'exit');
  const first = await Promise.race([once(child, 'message'), ended.then(() => 'ended')]);
  if (first === 'ended') throw new Error('the push process ended early');
  send({ type: 'push', ...plan });
  return {
    reportReceived(messages) {
      send({ type: 'received', messages });
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
