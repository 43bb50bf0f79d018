import { readdirSync, readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

const pageFolder = new URL('./page/', import.meta.url);
/** The built client, `node_modules/@gatewayworker/sdk/dist`: ES modules that a browser loads as they are. */
const sdkFolder = new URL('../dist/', import.meta.resolve('@gatewayworker/sdk'));

const contentTypes: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Serves the files of `page/` from memory, one route per file, and the client as `/sdk/`. */
export function addPageFiles(app: FastifyInstance): void {
  addFiles(app, pageFolder, '/');
  addFiles(app, sdkFolder, '/sdk/');
}

function addFiles(app: FastifyInstance, folder: URL, path: string): void {
  for (const name of readdirSync(folder)) {
    const type = contentTypes[name.slice(name.lastIndexOf('.') + 1)];
    if (type === undefined) continue;
    const content = readFileSync(new URL(name, folder));
    app.get(name === 'index.html' ? path : `${path}${name}`, (_request, reply) => {
      reply.type(type).send(content);
    });
  }
}
