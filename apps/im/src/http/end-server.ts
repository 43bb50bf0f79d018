import type { Server } from 'node:http';

/** Maximum wait for requests in progress, in milliseconds. */
const graceMs = 3000;

/** Closes a server: waits for requests in progress, but not for idle connections. */
export async function endServer(server: Server, close: () => Promise<unknown>): Promise<void> {
  // Repeated, because keep-alive connections become idle only after their last response.
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  // Browsers open connections in advance and may never send a request on them.
  const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
  await close();
  clearInterval(idle);
  clearTimeout(deadline);
}
