import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

const findBrowser = fileURLToPath(new URL('../../scripts/install-browser.mjs', import.meta.url));

/** Chromium reads only the last `--disable-features`, so this list repeats that of Playwright. */
const disabledFeatures = [
  'AimEnabled',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
  'ThirdPartyStoragePartitioning',
  // A full browser loads these two pages of its address bar for every page that a test opens.
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxPopup',
];
const browserFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--disable-features=${disabledFeatures.join()}`,
  // Pages live for seconds: threads that compile and collect ahead cost more CPU time than they save.
  '--js-flags=--single-threaded',
];

/** Starts the headless shell of Chromium or a full Chromium without a window. The caller closes it. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = execFileSync(process.execPath, [findBrowser, '--path'], {
    encoding: 'utf8',
  }).trim();
  return await chromium.launch({ executablePath, args: browserFlags });
}
