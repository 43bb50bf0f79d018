// Installs Chromium for the browser tests if it is missing. `--path` prints its path.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';

// The headless shell has no windows to draw: it needs less CPU time than a full browser.
const browserNames = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'];
/** Debian packages, the best one first. Older releases have no headless shell. */
const packages = ['chromium-headless-shell', 'chromium'];

/** Returns the path of the browser to use; null when there is none. */
function findBrowser() {
  const chosen = process.env.CHROMIUM_PATH;
  if (chosen) return isExecutable(chosen) ? chosen : null;
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
  const candidates = browserNames.flatMap((name) =>
    folders.map((folder) => path.join(folder, name)),
  );
  return candidates.find(isExecutable) ?? null;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Missing or not accessible: not a browser that can be used.
    return false;
  }
}

/** Runs apt-get with its output on stderr: stdout belongs to `--path`. */
function runAptGet(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync('apt-get', args, { env, stdio: ['ignore', 2, 2] });
  return status === 0;
}

function installBrowser() {
  process.stderr.write('No Chromium found: installing it with apt-get.\n');
  if (!runAptGet('update')) return false;
  return packages.some((name) => runAptGet('install', '-y', '--no-install-recommends', name));
}

function explain() {
  if (process.env.CHROMIUM_PATH) {
    return `CHROMIUM_PATH is '${process.env.CHROMIUM_PATH}', which is not an executable file.\n`;
  }
  const command = existsSync('/usr/bin/apt-get')
    ? 'sudo apt-get update && sudo apt-get install -y --no-install-recommends chromium'
    : 'CHROMIUM_PATH=/path/to/chromium npm test';
  return `The browser test needs Chromium. Run:\n\n  ${command}\n`;
}

// Only Debian and its derivatives have these packages for apt-get.
const canInstall =
  !process.env.CHROMIUM_PATH && existsSync('/usr/bin/apt-get') && process.getuid?.() === 0;

let browser = findBrowser();
if (browser === null && canInstall && installBrowser()) browser = findBrowser();

if (browser === null) {
  process.stderr.write(explain());
  process.exitCode = 1;
} else if (process.argv.includes('--path')) {
  process.stdout.write(`${browser}\n`);
}
