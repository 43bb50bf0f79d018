import type { IncomingMessage } from 'node:http';

/** What is read of a body that nobody wants, and for how long. */
const [maxBytes, maxMs] = [32 * 1024 * 1024, 5000];

/**
 * Reads the rest of a body that was refused, and throws it away.
 *
 * Else the connection would be reset while the client still sends, and the client would never see the answer.
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
