import type { FastifyInstance } from 'fastify';
import { HttpError } from './http-error.ts';
import type { PushSettings } from './settings.ts';

/** Rejects requests of pages of other sites, and sets the security headers of this page. */
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
    // Any site can open a websocket to the gateway and receive a valid id and token. If it could post
    // them with the cookie of a visitor, it would receive the messages of that visitor. SameSite=Strict
    // alone does not prevent this: another port of the same host is the same site.
    if (!isOwnOrigin(origin, host, settings.origin)) {
      throw new HttpError('wrong_origin', 'Only pages of this app may send requests.');
    }
  });
}

/** A request without an Origin header is rejected: every browser sends one with a POST. */
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
    // No Trusted Types policy is allowed, so innerHTML and similar sinks throw.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

/** Returns the host name of a Host header; 127.0.0.1 if a policy cannot contain it (IPv6). */
function toPolicyHost(header: string): string {
  const host = header.replace(/:\d+$/, '');
  return /^[a-z\d.-]+$/i.test(host) ? host : '127.0.0.1';
}
