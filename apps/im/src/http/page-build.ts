import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import type { Logger } from 'gatewayworker';
import { appFolder } from '../folders.ts';

const source = `${appFolder}page/`;
const shared = `${appFolder}shared/`;

/** Folder of the built page. */
export const pageFolder: string = `${appFolder}dist/page/`;

/**
 * Builds the page, in one or two seconds, unless there is a build that is newer than its sources. Returns true if there
 * is a page.
 */
export async function buildPage(logger: Logger): Promise<boolean> {
  if (!existsSync(`${source}index.html`)) return existsSync(`${pageFolder}index.html`);
  const built = `${pageFolder}index.html`;
  const newest = Math.max(newestTime(source), newestTime(shared));
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return true;
  // Imported only for a build, because it loads slowly.
  const { build } = await import('vite');
  const start = performance.now();
  const draft = `${appFolder}dist/page-${process.pid}`;
  await build({
    root: source,
    configFile: `${source}vite.config.ts`,
    logLevel: 'warn',
    build: { outDir: draft, emptyOutDir: true },
  });
  replacePage(draft);
  logger.info({ ms: Math.round(performance.now() - start) }, 'page built');
  return true;
}

/** Replaces the previous build by a rename, because other processes may build or serve the page at the same time. */
function replacePage(draft: string): void {
  rmSync(pageFolder, { recursive: true, force: true });
  try {
    renameSync(draft, pageFolder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another process has built the same sources.
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
