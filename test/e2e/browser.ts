import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

const findBrowser = fileURLToPath(new URL('../../scripts/install-browser.mjs', import.meta.url));
const browserFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a headless Chromium. The caller closes it. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = execFileSync(process.execPath, [findBrowser, '--path'], {
    encoding: 'utf8',
  }).trim();
  return await chromium.launch({ executablePath, args: browserFlags });
}
