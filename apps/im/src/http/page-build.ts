import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import type { Logger } from 'gatewayworker';
import { folder } from '../folders.ts';

const source = `${folder}page/`;
const shared = `${folder}shared/`;

/** Where the built page is. */
export const pageFolder: string = `${folder}dist/page/`;

/**
 * Builds the page when there is no build newer than its sources, which takes a second or two; answers whether there
 * is a page.
 */
export async function buildPage(logger: Logger): Promise<boolean> {
  if (!existsSync(`${source}index.html`)) return existsSync(`${pageFolder}index.html`);
  const built = `${pageFolder}index.html`;
  const newest = Math.max(newestTime(source), newestTime(shared));
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return true;
  // Loaded only when needed: a start that finds a build does without.
  const { build } = await import('vite');
  const start = performance.now();
  const draft = `${folder}dist/page-${process.pid}`;
  await build({
    root: source,
    configFile: `${source}vite.config.ts`,
    logLevel: 'warn',
    build: { outDir: draft, emptyOutDir: true },
  });
  replacePage(draft);
  logger.info({ ms: Math.round(performance.now() - start) }, 'the page is built');
  return true;
}

/** Puts a build in the place of the one before, whole: others may build, or serve, the same page at the same time. */
function replacePage(draft: string): void {
  rmSync(pageFolder, { recursive: true, force: true });
  try {
    renameSync(draft, pageFolder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Somebody else was faster, with the same sources.
    if (!existsSync(`${pageFolder}index.html`)) throw error;
  }
}

function newestTime(folder: string): number {
  let newest = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    newest = Math.max(newest, statSync(`${entry.parentPath}/${entry.name}`).mtimeMs);
  }
  return newest;
}
