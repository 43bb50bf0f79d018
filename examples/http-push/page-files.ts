import { readdirSync, readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

const folder = new URL('./page/', import.meta.url);

const contentTypes: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Serves the files of `page/` from memory, one route per file. */
export function addPageFiles(app: FastifyInstance): void {
  for (const name of readdirSync(folder)) {
    const type = contentTypes[name.slice(name.lastIndexOf('.') + 1)];
    if (type === undefined) continue;
    const content = readFileSync(new URL(name, folder));
    app.get(name === 'index.html' ? '/' : `/${name}`, (_request, reply) => {
      reply.type(type).send(content);
    });
  }
}
