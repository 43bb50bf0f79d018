import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientSender } from './client-sender.ts';
import type { ClientTable } from './client-table.ts';
import { ServerClosure } from './server-closure.ts';

/** How often clients are closed while that is spread, in milliseconds. */
const SPREAD_TICK_MS = 10;

/**
 * Closes the clients with 1012 one after the other, so that they come back elsewhere as evenly.
 *
 * @param isCancelled - tells whether the rest is not to be waited for
 */
export async function closeClients(
  { clients, sender }: { readonly clients: ClientTable; readonly sender: ClientSender },
  overMs: number,
  isCancelled: () => boolean,
): Promise<void> {
  const staying = [...clients.all()];
  const startedAt = performance.now();
  let ended = 0;
  const endSome = (): boolean => {
    const part = Math.min(1, (performance.now() - startedAt) / overMs);
    for (; ended < Math.ceil(part * staying.length); ended += 1) {
      const client = staying[ended];
      if (client === undefined) continue;
      sender.close(client, ServerClosure.Reconnect);
    }
    return isCancelled() || clients.size === 0 || ended === staying.length;
  };
  while (!endSome()) await sleep(SPREAD_TICK_MS);
}
