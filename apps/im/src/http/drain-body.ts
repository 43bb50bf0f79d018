import type { IncomingMessage } from 'node:http';

/** Limits for reading a rejected body, in bytes and milliseconds. */
const [maxBytes, maxMs] = [32 * 1024 * 1024, 5000];

/**
 * Reads and discards the rest of a rejected body.
 *
 * Without it the connection would be reset while the client is sending, and the client would not see the response.
 */
export async function drainBody(body: IncomingMessage): Promise<void> {
  if (body.complete || body.destroyed) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, maxMs);
    let bytes = 0;
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) resolve();
    });
    for (const event of ['end', 'close', 'error']) body.once(event, () => resolve());
    body.resume();
    body.once('close', () => clearTimeout(timer));
  });
}
