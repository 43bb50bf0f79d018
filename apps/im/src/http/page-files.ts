import { existsSync } from 'node:fs';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ConfigBody } from '../../shared/http-api.ts';
import { limits } from '../../shared/limits.ts';
import { AppError } from '../app-error.ts';
import { hasToken } from './guard.ts';
import { pageFolder } from './page-build.ts';

/** Serves the built page at `/` and at invitation links, and its assets, whose names contain their hashes. */
export async function addPageFiles(app: FastifyInstance, socketPort: number): Promise<void> {
  app.get('/api/config', async (request): Promise<ConfigBody> => {
    return { socketPort, limits, hasLogin: hasToken(request) };
  });

  const index = (request: FastifyRequest, reply: FastifyReply) => {
    if (!existsSync(`${pageFolder}index.html`)) {
      throw new AppError('not_found', 'The page has not been built.');
    }
    reply.header('Content-Security-Policy', createPolicy(request.headers.host, socketPort));
    return reply.sendFile('index.html', pageFolder, { cacheControl: false });
  };
  app.get('/', index);
  app.get('/i/:code', index);

  const assets = `${pageFolder}assets`;
  await app.register(fastifyStatic, {
    ...{ root: assets, prefix: '/assets/', decorateReply: false, index: false },
    ...{ immutable: true, maxAge: '1y' },
  });
}

function createPolicy(host: string | undefined, socketPort: number): string {
  const socket = `${toPolicyHost(host)}:${socketPort}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    // Pictures that are not uploaded yet are blob: URLs.
    "img-src 'self' blob: data:",
    `connect-src 'self' ws://${socket} wss://${socket}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Returns the host name of a Host header; 127.0.0.1 if a policy cannot contain it (IPv6). */
function toPolicyHost(header = ''): string {
  const host = header.replace(/:\d+$/, '');
  return /^[a-z\d.-]+$/i.test(host) ? host : '127.0.0.1';
}
