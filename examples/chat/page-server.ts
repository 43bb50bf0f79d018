import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import sirv from 'sirv';
import { messageLimits } from './client-message.ts';

/** The built client, `node_modules/@gatewayworker/sdk/dist`: ES modules that a browser loads as they are. */
const sdkFolder = fileURLToPath(new URL('../dist', import.meta.resolve('@gatewayworker/sdk')));

/** Serves the files of `page/`, the client as `/sdk/`, and the port of the gateway. */
export interface PageServer {
  /** Not listening yet. */
  readonly server: Server;
  close(): Promise<void>;
}

/** Creates the web server of the chat. */
export function createPageServer({ gatewayPort }: { readonly gatewayPort: number }): PageServer {
  const serveFile = sirv(fileURLToPath(new URL('./page', import.meta.url)), { etag: true });
  const serveSdk = sirv(sdkFolder, { etag: true });
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
    const refuse = (): void => {
      response.statusCode = 404;
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      response.end('There is no such page.\n');
    };
    if (request.url?.startsWith('/sdk/') === true) {
      request.url = request.url.slice('/sdk'.length);
      serveSdk(request, response, refuse);
    } else serveFile(request, response, refuse);
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
    // No Trusted Types policy is allowed, so innerHTML and similar sinks throw.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  response.setHeader('Content-Security-Policy', policy.join('; '));
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('X-Content-Type-Options', 'nosniff');
}

/** Returns the host name of a Host header; 127.0.0.1 if a policy cannot contain it (IPv6). */
function toPolicyHost(header = ''): string {
  const host = header.replace(/:\d+$/, '');
  return /^[a-z\d.-]+$/i.test(host) ? host : '127.0.0.1';
}

/** Closes the server: waits up to 1 s for requests in progress, but not for idle connections. */
async function close(server: Server): Promise<void> {
  // Repeated, because keep-alive connections become idle only after their last response.
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  // Browsers open connections in advance and may never send a request on them.
  const deadline = setTimeout(() => server.closeAllConnections(), 1000);
  // The callback gets an error only if the server never listened, so there is nothing to close.
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(idle);
  clearTimeout(deadline);
}
