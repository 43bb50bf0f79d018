import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientSender } from './client-sender.ts';
import type { ClientTable } from './client-table.ts';
import { ServerClosure } from './server-closure.ts';

/** Interval between the batches of a spread close, in milliseconds. */
const SPREAD_TICK_MS = 10;

/**
 * Closes the clients with 1012, spread evenly over a time, so that they do not all reconnect at once.
 *
 * @param isCancelled - checked after each batch; true leaves the rest to the caller
 */
export async function closeClients(
  { clients, sender }: { readonly clients: ClientTable; readonly sender: ClientSender },
  overMs: number,
  isCancelled: () => boolean,
): Promise<void> {
  const all = [...clients.all()];
  const startedAt = performance.now();
  for (const { resumable } of all) resumable?.sendGoAway(overMs);
  let closed = 0;
  const closeBatch = (): boolean => {
    const part = Math.min(1, (performance.now() - startedAt) / overMs);
    for (; closed < Math.ceil(part * all.length); closed += 1) {
      const client = all[closed];
      // A client that can resume goes by itself.
      if (client === undefined || client.resumable !== undefined) continue;
      sender.close(client, ServerClosure.Reconnect);
    }
    return isCancelled() || clients.size === 0 || closed === all.length;
  };
  while (!closeBatch()) await sleep(SPREAD_TICK_MS);
}
