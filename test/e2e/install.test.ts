import { execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { promisify } from 'node:util';
import {
  endDaemon,
  eventually,
  freePorts,
  openClient,
  repositoryRoot,
} from '@gatewayworker/testing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { npm, type PackedPackages, packPackages } from './packed-packages.ts';

const repository = 'https://github.com/gatewayworker/gatewayworker';
const tsx = ['--import', new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href];
const stripsTypes = Reflect.get(process.features, 'typescript') === 'strip';
const webSocketFlags = typeof WebSocket === 'undefined' ? ['--experimental-websocket'] : [];

let packed: PackedPackages;
/** A folder in which the commands of README were run. */
let installed: string;

beforeAll(async () => {
  packed = await packPackages();
  installed = await mkdtemp(join(tmpdir(), 'gatewayworker-installed-'));
  await npm(['init', '-y'], installed);
  await npm(['pkg', 'set', 'type=module'], installed);
  const offline = ['--offline', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  // With --install-links npm copies the folders instead of linking to them.
  const flags = [...offline, '--install-links'];
  await npm(['install', ...flags, ...packed.own, ...packed.others], installed);
}, 300_000);

afterAll(async () => {
  await packed?.dispose();
  if (installed !== undefined) await rm(installed, { recursive: true });
});

/** A folder outside the repository, which cannot use its node_modules. */
async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatewayworker-app-'));
  onTestFinished(() => rm(folder, { recursive: true, maxRetries: 5 }));
  return folder;
}

/** Such a folder after the commands of README, which ran once: npm takes a minute on a busy machine. */
async function installedFolder(): Promise<string> {
  const folder = await emptyFolder();
  await cp(join(installed, 'package.json'), join(folder, 'package.json'));
  await symlink(join(installed, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Node.js to its end. */
async function node(folder: string, args: readonly string[]): Promise<Ended> {
  const options = { cwd: folder, timeout: 120_000, killSignal: 'SIGKILL' } as const;
  return await promisify(execFile)(process.execPath, args, options).then(
    (output) => ({ code: 0, ...output }),
    (error: unknown) => {
      const { code, stdout = '', stderr = String(error) } = Object(error);
      return { code, stdout, stderr };
    },
  );
}

/** Starts a start file in the background, and stops it after the test. */
async function start(folder: string, file: string, flags: readonly string[] = []): Promise<string> {
  onTestFinished(() => endDaemon(join(folder, 'start.pid')));
  const { code, stdout, stderr } = await node(folder, [
    ...flags,
    file,
    'start',
    '-d',
    '--wait',
    '50',
  ]);
  expect(code, stdout + stderr).toBe(0);
  return stdout;
}

/** A program of README that sends typed lines and prints what it receives. */
function talk(folder: string): Talker {
  const args = [...webSocketFlags, '--no-warnings', 'talk.js'];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill());
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  return { type: (line) => void child.stdin.write(`${line}\n`), printed: () => printed };
}

/** Someone who talks to the others of the room. */
interface Talker {
  type(line: string): void;
  printed(): string;
}

/** Such a client in this process, which costs less than a program. */
async function openTalker(port: number): Promise<Talker> {
  const client = await openClient(port);
  onTestFinished(() => client.terminate());
  return { type: (line) => client.send(line), printed: () => client.messages.map(String).join() };
}

async function openTalkers(ports: ReadonlyMap<string, number>): Promise<[Talker, Talker]> {
  const port = ports.get('8282') ?? 0;
  return [await openTalker(port), await openTalker(port)];
}

/** A line typed into one appears in the other. */
async function expectConversation(one: Talker, other: Talker): Promise<void> {
  await eventually(() => [one, other].every(({ printed }) => printed().includes('"init"')));
  for (const [from, to, word] of [
    [one, other, 'hello'],
    [other, one, 'welcome'],
  ] as const) {
    await eventually(() => {
      one.type('here');
      other.type('here');
      from.type(word);
      return to.printed().includes(word);
    });
  }
}

const readme: string = await readFile(join(repositoryRoot, 'README.md'), 'utf8');

/** The part of README that begins with an empty folder. */
const guide = readme.split('\n## ').find((part) => part.startsWith('In your own project\n')) ?? '';

/** A file that README shows, with free ports in the place of its own. */
function shown(name: string, ports: ReadonlyMap<string, number>): string {
  const blocks = [...guide.matchAll(/```\w+\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  const block = blocks.find((text) => text.startsWith(`// ${name}\n`));
  if (block === undefined) throw new Error(`README shows no ${name}`);
  return block.replaceAll(/\b(?:1236|8282|2900)\b/g, (port) => String(ports.get(port)));
}

/** A start file with one process of each declaration. */
function oneOfEach(file: string): string {
  expect(file).toContain('count: 2');
  return file.replaceAll('count: 2', 'count: 1');
}

async function ports(): Promise<ReadonlyMap<string, number>> {
  // The second gateway process takes the port after the first.
  const [register = 0, clients = 0, inner = 0] = await freePorts(4);
  return new Map([
    ['1236', register],
    ['8282', clients],
    ['2900', inner],
  ]);
}

test('README: five lines lead from an empty folder to a cluster', () => {
  const lines = (guide.split('```sh\n')[1]?.split('```')[0] ?? '').trim().split('\n');
  expect(lines).toEqual([
    'npm init -y',
    'npm pkg set type=module',
    'npm install gatewayworker',
    '# save events.ts and start.ts, as they are shown below',
    'node start.ts start',
  ]);
});

test('README: its files run in an empty folder, in JavaScript', async () => {
  const folder = await installedFolder();
  const free = await ports();
  await writeFile(join(folder, 'events.js'), shown('events.js', free));
  await writeFile(join(folder, 'start.js'), shown('start.ts', free));
  await writeFile(join(folder, 'talk.js'), shown('talk.js', free));
  const table = await start(folder, 'start.js');
  expect(table.match(/\[ok\]/g)).toHaveLength(3);
  await expectConversation(talk(folder), talk(folder));
});

test('README: its files run in an empty folder, in TypeScript', async () => {
  const folder = await installedFolder();
  const free = await ports();
  await writeFile(join(folder, 'events.ts'), shown('events.ts', free));
  // One process of each role, because tsx takes a second for each.
  await writeFile(join(folder, 'start.ts'), oneOfEach(shown('start.ts', free)));
  const table = await start(folder, 'start.ts', stripsTypes ? [] : tsx);
  expect(table.match(/\[ok\]/g)).toHaveLength(3);
  await expectConversation(...(await openTalkers(free)));
});

test('install: two copies of the package share their state, with events in CommonJS', async () => {
  const folder = await installedFolder();
  const plugin = join(folder, 'plugin');
  await cp(join(installed, 'node_modules'), join(plugin, 'node_modules'), { recursive: true });
  await writeFile(join(plugin, 'index.js'), "export { BusinessWorker } from 'gatewayworker';\n");
  const free = await ports();
  // As tsc compiles a default export to CommonJS.
  const compiled = shown('events.js', free)
    .replace(/import .*\n/, "const { gateway } = require('gatewayworker');\n")
    .replace('export class', 'exports.__esModule = true;\nexports.default = class');
  await writeFile(join(folder, 'events.cjs'), compiled);
  const file = oneOfEach(shown('start.ts', free))
    .replace('./events.ts', './events.cjs')
    .replace(
      /import .*\n/,
      "import { Gateway, Register, run } from 'gatewayworker';\nimport { BusinessWorker } from './plugin/index.js';\n",
    );
  await writeFile(join(folder, 'start.js'), file);
  const table = await start(folder, 'start.js');
  expect(table).toMatch(/business-worker {2}chat-worker +1 .*\[ok\]/);
  await expectConversation(...(await openTalkers(free)));
});

test('install: everyday messages have no stack when tsx loads the package twice', async () => {
  const folder = await installedFolder();
  const description = await readFile(join(folder, 'package.json'), 'utf8');
  expect(description).toContain('"type": "module"');
  const commonJs = description.replace('"type": "module"', '"type": "commonjs"');
  await writeFile(join(folder, 'package.json'), commonJs);
  await writeFile(join(folder, 'start.ts'), shown('start.ts', await ports()));
  const stopped = await node(folder, [...tsx, 'start.ts', 'stop']);
  expect(stopped.code).toBe(1);
  expect(stopped.stdout + stopped.stderr).toMatch(/start\.ts is not running/);
  expect(stopped.stdout + stopped.stderr).not.toMatch(/\n {4}at /);
});

test('install: mistakes of an application are shown with its own lines', async () => {
  const folder = await installedFolder();
  await writeFile(
    join(folder, 'start.js'),
    `import { BusinessWorker, run } from 'gatewayworker';
new BusinessWorker({ eventHandler: new URL('./events.js', import.meta.url) });
run();
`,
  );
  await writeFile(
    join(folder, 'events.js'),
    'export class Events {\n  onMessage() { let a = = 1; }\n}\n',
  );
  const syntax = await node(folder, ['start.js', 'start']);
  expect(syntax.code).toBe(1);
  expect(syntax.stderr).toMatch(/events\.js:2\n {2}onMessage\(\) \{ let a = = 1; \}\n +\^\n/);
  await writeFile(join(folder, 'events.js'), 'export class Events {\n  onMesage() {}\n}\n');
  const misspelt = await node(folder, ['start.js', 'start']);
  expect(misspelt.code).toBe(1);
  expect(misspelt.stderr).toContain('did you mean onMessage?');
  await writeFile(
    join(folder, 'start.js'),
    "import { Gateway } from 'gatewayworker';\n\nnew Gateway({ listen: 'websocket://0.0.0.0:80', cuont: 2 });\n",
  );
  const option = await node(folder, ['start.js', 'start']);
  expect(option.code).toBe(1);
  expect(option.stderr).toMatch(/start\.js:3\nnew Gateway\(\{ listen.*\n\^\n/);
  expect(option.stderr).toContain('did you mean count?');
});

/** Files of a tarball with their text, by their path in the package. */
async function unpack(tarball: string): Promise<ReadonlyMap<string, string>> {
  const folder = await emptyFolder();
  await promisify(execFile)('tar', ['-xzf', tarball, '-C', folder]);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return new Map(
    await Promise.all(
      files.map(async ({ parentPath, name }): Promise<[string, string]> => {
        const path = join(parentPath, name);
        return [path.slice(join(folder, 'package/').length), await readFile(path, 'utf8')];
      }),
    ),
  );
}

interface SourceMap {
  readonly sources: readonly string[];
  /** The text of each source, so that the file itself is not needed. */
  readonly sourcesContent?: readonly string[];
  readonly sourceRoot?: string;
}

/** References to files that a package does not contain, such as the sources of its maps. */
function brokenReferences(files: ReadonlyMap<string, string>): string[] {
  const broken: string[] = [];
  const expectFile = (from: string, target: string): void => {
    const path = normalize(join(dirname(from), target));
    if (!files.has(path)) broken.push(`${from}: ${path}`);
  };
  for (const [path, text] of files) {
    const [, map] = /^\/\/# sourceMappingURL=(.+)$/m.exec(text) ?? [];
    if (map !== undefined) expectFile(path, map);
    if (!path.endsWith('.map')) continue;
    const { sources, sourcesContent, sourceRoot = '' }: SourceMap = JSON.parse(text);
    expect(sources.length, path).toBeGreaterThan(0);
    for (const [index, source] of sources.entries()) {
      if (sourcesContent?.[index] === undefined) expectFile(path, join(sourceRoot, source));
    }
  }
  return broken;
}

describe('packages: published files and metadata are complete', () => {
  test('all tarballs', async () => {
    expect(packed.own).toHaveLength(11);
    const licence = await readFile(join(repositoryRoot, 'LICENSE'), 'utf8');
    for (const tarball of packed.own) {
      const files = await unpack(tarball);
      const manifest = JSON.parse(files.get('package.json') ?? '{}');
      const { name } = manifest;
      expect(manifest, name).toMatchObject({
        description: expect.stringMatching(/\w{3}.*\.$/),
        keywords: expect.arrayContaining(['realtime', 'websocket']),
        homepage: `${repository}#readme`,
        bugs: { url: `${repository}/issues` },
        repository: {
          type: 'git',
          url: `git+${repository}.git`,
          directory: `packages/${name.replace('@gatewayworker/', '')}`,
        },
        license: 'MIT',
        engines: { node: expect.stringMatching(/^>=\d+/) },
      });
      expect(files.get('LICENSE'), name).toBe(licence);
      const text = files.get('README.md') ?? '';
      expect(text, name).toMatch(/\nnpm install (gatewayworker|@gatewayworker\/sdk)\n/);
      expect(text.split('\n').length, name).toBeLessThan(60);
      expect(text, name).not.toMatch(/must not|`src\//);
      const paths = [...files.keys()];
      expect(
        paths.filter((path) => /\.test\.|\.fixture\.|tsbuildinfo|tsconfig/.test(path)),
      ).toEqual([]);
      expect(
        paths.some((path) => path.endsWith('.d.ts.map')),
        name,
      ).toBe(true);
      expect(brokenReferences(files), name).toEqual([]);
      const targets: unknown[] = Object.values(manifest.exports['.']);
      expect(
        targets.filter((path) => !files.has(normalize(String(path)))),
        name,
      ).toEqual([]);
    }
  });
});
