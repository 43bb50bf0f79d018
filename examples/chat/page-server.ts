import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';
import { messageLimits } from './client-message.ts';

/** Serves the files of `page/` and tells them where the gateway is. */
export interface PageServer {
  /** It does not listen yet. */
  readonly server: Server;
  close(): Promise<void>;
}

/** Makes the web server of the chat. */
export function createPageServer({ gatewayPort }: { readonly gatewayPort: number }): PageServer {
  const serveFile = sirv(fileURLToPath(new URL('./page', import.meta.url)), { etag: true });
  const config = JSON.stringify({ gatewayPort, limits: messageLimits });
  const server = createServer((request, response) => {
    setSecurityHeaders(request, response, gatewayPort);
    if (request.url === '/config.json') {
      response.setHeader('Content-Type', 'application/json');
      response.setHeader('Cache-Control', 'no-store');
      response.end(config);
      return;
    }
    response.setHeader('Cache-Control', 'no-cache');
    serveFile(request, response, () => {
      response.statusCode = 404;
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      response.end('There is no such page.\n');
    });
  });
  return {
    server,
    close: () => close(server),
  };
}

function setSecurityHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  gatewayPort: number,
): void {
  const gateway = `${toPolicyHost(request.headers.host)}:${gatewayPort}`;
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ws://${gateway} wss://${gateway}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // With no policy allowed, every sink that takes markup (innerHTML and its like) throws.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  response.setHeader('Content-Security-Policy', policy.join('; '));
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('X-Content-Type-Options', 'nosniff');
}

/** The host name of a Host header, if it can stand in a policy (an IPv6 address cannot). */
function toPolicyHost(header = ''): string {
  const host = header.replace(/:\d+$/, '');
  return /^[a-z\d.-]+$/i.test(host) ? host : '127.0.0.1';
}

/** Answers what is under way, for a moment; who has asked nothing holds nobody up. */
async function close(server: Server): Promise<void> {
  // Connections that become idle behind their last answer, too.
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  // Browsers open connections in advance, on which nothing may ever come.
  const rest = setTimeout(() => server.closeAllConnections(), 1000);
  // The callback gets an error only when the server never listened: then it is closed already.
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(idle);
  clearTimeout(rest);
}
