import type { FastifyInstance } from 'fastify';
import { HttpError } from './http-error.ts';
import type { PushSettings } from './settings.ts';

/** Refuses what comes from pages of other sites, and tells browsers what this page may do. */
export function addBrowserRules(app: FastifyInstance, settings: PushSettings): void {
  app.addHook('onRequest', async (request, reply) => {
    const { host = '', origin } = request.headers;
    reply.headers({
      'Content-Security-Policy': createPolicy(host, settings.gatewayPort),
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-cache',
    });
    if (request.method === 'GET' || request.method === 'HEAD') return;
    // Any site may open a websocket to the gateway and get an id and a token that are good. Were it
    // able to have them posted with a visitor's cookie, it would read along as that visitor. The
    // cookie is SameSite=Strict already, but another port of the same host counts as the same site.
    if (!isOwnOrigin(origin, host, settings.origin)) {
      throw new HttpError('wrong_origin', 'Only the page of this app may post here.');
    }
  });
}

/** Every browser tells the origin of a POST; whoever does not is no browser, or has something to hide. */
function isOwnOrigin(origin: string | undefined, host: string, expected?: string): boolean {
  if (origin === undefined) return false;
  if (expected !== undefined) return origin === expected;
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

function createPolicy(host: string, gatewayPort: number): string {
  const gateway = `${toPolicyHost(host)}:${gatewayPort}`;
  return [
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
  ].join('; ');
}

/** The host name of a Host header, if it can stand in a policy (an IPv6 address cannot). */
function toPolicyHost(header: string): string {
  const host = header.replace(/:\d+$/, '');
  return /^[a-z\d.-]+$/i.test(host) ? host : '127.0.0.1';
}
