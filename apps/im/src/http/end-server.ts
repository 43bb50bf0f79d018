import type { Server } from 'node:http';

/** How long requests may take that are under way when the server ends, in milliseconds. */
const graceMs = 3000;

/** Ends a server: what is under way is answered, and who has asked nothing holds nobody up. */
export async function endServer(server: Server, close: () => Promise<unknown>): Promise<void> {
  // Connections that become idle behind their last answer, too.
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  // Browsers open connections in advance, on which nothing may ever come.
  const rest = setTimeout(() => server.closeAllConnections(), graceMs);
  await close();
  clearInterval(idle);
  clearTimeout(rest);
}
