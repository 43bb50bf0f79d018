import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { Settings } from './settings.ts';

const folder = new URL('./page/', import.meta.url);

const contentTypes: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

interface Answer {
  readonly type: string;
  readonly content: Buffer;
}

/** Starts the web server of the dashboard, which serves the files of `page/` from memory. */
export function startPageServer({ pagePort, dashboardPort }: Settings): Server {
  const answers = new Map<string, Answer>();
  for (const name of readdirSync(folder)) {
    const type = contentTypes[name.slice(name.lastIndexOf('.') + 1)];
    if (type === undefined) continue;
    const path = name === 'index.html' ? '/' : `/${name}`;
    answers.set(path, { type, content: readFileSync(new URL(name, folder)) });
  }
  const config = Buffer.from(JSON.stringify({ dashboardPort }));
  answers.set('/config.json', { type: 'application/json', content: config });
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ws://127.0.0.1:${dashboardPort} ws://localhost:${dashboardPort}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
  const server = createServer((request, response) => {
    const answer = request.method === 'GET' ? answers.get(request.url ?? '') : undefined;
    response.writeHead(answer === undefined ? 404 : 200, {
      'Content-Type': answer?.type ?? 'text/plain; charset=utf-8',
      'Content-Security-Policy': policy,
      'Cache-Control': 'no-cache',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    });
    response.end(answer?.content ?? 'There is no such page.\n');
  });
  return server.listen(pagePort, '127.0.0.1');
}
