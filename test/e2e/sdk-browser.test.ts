import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from '@gatewayworker/sdk';
import {
  type Cluster,
  eventually,
  freePorts,
  repositoryRoot,
  skipReason,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { GatewayClient } from 'gatewayworker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { launchFirefox } from './firefox.ts';
import { missing } from './numbered.ts';
import { atEndOfFile } from './shared.ts';
import { launchChromium, type Tab, type TabBrowser } from './tab-browser.ts';

/** For a wait of seconds: each look at a page takes time of its browser. */
const longWait = { timeoutMs: 120_000, intervalMs: 100 };

const script = `
  import { connect } from '/sdk/index.js';
  const [, token, storage, port] = location.pathname.split('/');
  const client = connect('ws://127.0.0.1:' + port, { token, storage });
  const seen = { opened: [], downs: 0, gaps: [] };
  client.on('open', ({ resumed, reason }) => {
    seen.opened.push(resumed ? 'resumed' : reason);
    // A duplicated tab has a copy of the texts of the first one.
    if (!resumed) sessionStorage.texts = '';
  });
  client.on('down', () => (seen.downs += 1));
  client.on('gap', (gap) => seen.gaps.push(gap));
  client.on('message', (text) => (sessionStorage.texts += text + '\\n'));
  Object.assign(globalThis, { client, seen });
`;

/** A page, and what it saw first. */
interface OpenTab {
  readonly tab: Tab;
  readonly uid: string;
  readonly first: Seen;
}

/** What a page has seen. */
interface Seen {
  readonly clientId: string;
  readonly state: string;
  /** For each open event, `resumed`, or why the session is new. */
  readonly opened: readonly string[];
  readonly downs: number;
  readonly gaps: readonly unknown[];
  readonly texts: readonly string[];
}

const atEnd = atEndOfFile();
let cluster: Cluster;
let api: GatewayClient;
let pagePort: number;
let gatewayPort: number;
/** What the workers have reported of sessions, such as `close u1 gateway`. */
const reports: string[] = [];

beforeAll(async () => {
  const [registerPort, port] = await freePorts(2);
  gatewayPort = port ?? 0;
  const folder = await temporaryFolder('sdk-browser');
  atEnd(folder.dispose);
  const env = {
    REGISTER_PORT: String(registerPort),
    GATEWAY_PORTS: String(port),
    PID_FILE: `${folder.path}/sdk.pid`,
    LOG_FILE: `${folder.path}/sdk.log`,
    TICK_MS: '100',
  };
  const file = new URL('./fixtures/dist/resume/start.js', import.meta.url).pathname;
  cluster = await startCluster({ file, env, pidFile: env.PID_FILE });
  atEnd(() => cluster.dispose());
  api = await GatewayClient.connect({ registerAddress: `127.0.0.1:${registerPort}` });
  atEnd(() => api.close());
  pagePort = await servePage();

  const watcher = connect(`ws://127.0.0.1:${gatewayPort}`, { token: 'watcher', WebSocket });
  atEnd(() => watcher.close());
  watcher.on('message', (text) => {
    if (/^(?:drop|resume|close) /.test(String(text))) reports.push(String(text));
  });
  await eventually(() => watcher.state === 'open');
  api.joinGroup(watcher.clientId, 'watchers');
});

/** Serves the page and the built SDK, with a policy that allows nothing else. */
async function servePage(): Promise<number> {
  const policy = `default-src 'none'; script-src 'self'; connect-src ws://127.0.0.1:${gatewayPort}`;
  const sdk = `${repositoryRoot}/packages/sdk/dist`;
  const server = createServer(async (request, response) => {
    const { url = '' } = request;
    const [, file] = /^\/sdk\/([\w-]+\.js)$/.exec(url) ?? [];
    const isScript = file !== undefined || url === '/page.js';
    response.setHeader('Content-Security-Policy', policy);
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    if (file !== undefined) response.end(await readFile(`${sdk}/${file}`));
    else if (isScript) response.end(script);
    else if (url === '/empty') response.end('<!doctype html><title>Empty</title>');
    else
      response.end(
        '<!doctype html><title>SDK</title><script type="module" src="/page.js"></script>',
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

const firefoxReason = skipReason('firefox-esr');

for (const { name, launch, reason } of [
  { name: 'chromium', launch: launchChromium, reason: '' },
  { name: 'firefox', launch: launchFirefox, reason: firefoxReason },
]) {
  describe.skipIf(reason !== '')(`sdk in ${name}${reason}`, () => {
    let browser: TabBrowser;
    let tabs = 0;

    beforeAll(async () => {
      browser = await launch();
    });
    afterAll(() => browser?.close());

    /** Opens a page, whose client has a uid of its own, and waits for its first messages. */
    async function open(storage: 'memory' | 'session'): Promise<OpenTab> {
      tabs += 1;
      const uid = `${name}${tabs}`;
      const url = `http://127.0.0.1:${pagePort}/${uid}/${storage}/${gatewayPort}`;
      const tab = await browser.open(url);
      return { tab, uid, first: await receive(tab) };
    }

    test('memory: sends and requests under a strict policy; a reload ends the session', async () => {
      const { tab, uid, first } = await open('memory');
      const call = `Promise.all([client.send(1), client.send(2), client.request('sum', [1, 2])])`;
      const [, , reply] = await tab.evaluate<unknown[]>(call);
      expect(reply).toMatchObject({ type: 'sum', data: [1, 2], last: 2 });
      await tab.reload();
      const second = await receive(tab);
      expect([first.opened, second.opened]).toEqual([[''], ['']]);
      expect(second.clientId).not.toBe(first.clientId);
      if (name === 'chromium') {
        // By Bye: otherwise it would be parked for a minute. Firefox closes the websocket before `pagehide`.
        await eventually(() => reports.includes(`close ${uid} client`));
        expect(reports).not.toContain(`drop ${uid}`);
      }
      await tab.close();
    });

    test('session: resumes after a reload; a duplicated tab gets its own session', async () => {
      const { tab, first } = await open('session');
      await tab.evaluate('client.send(1)');
      await tab.reload();
      const second = await receive(tab);
      expect(second).toMatchObject({ clientId: first.clientId, opened: ['resumed'], gaps: [] });
      expect(missing(second.texts)).toEqual([]);

      const copy = await tab.duplicate();
      const third = await receive(copy);
      expect(third.opened).toEqual(['']);
      expect(third.clientId).not.toBe(first.clientId);
      await Promise.all([tab.evaluate('client.send(2)'), copy.evaluate('client.send(1)')]);
      await tab.goto(`http://127.0.0.1:${pagePort}/empty`);
      await Promise.all([tab.back(), copy.reload()]);
      for (const [page, { clientId }] of [
        [tab, first],
        [copy, third],
      ] as const) {
        const seen = await receive(page);
        expect(seen).toMatchObject({ clientId, gaps: [] });
        expect(seen.opened.at(-1)).toBe('resumed');
        expect(missing(seen.texts)).toEqual([]);
        await page.close();
      }
    });

    test('offline and SIGKILL of the gateways: both tabs resume, nothing lost or doubled', async () => {
      const { tab: away, first } = await open('memory');
      const { tab: near, first: firstNear } = await open('session');
      for (const tab of [away, near]) await tab.evaluate('client.send(1)');
      await away.setOffline(true);
      for (const { role, pid } of await cluster.status()) {
        if (role === 'gateway') process.kill(pid, 'SIGKILL');
      }
      for (const tab of [away, near]) {
        await eventually(async () => (await look(tab)).downs > 0, longWait);
        await tab.evaluate('void client.send(2)');
      }
      await receive(near);
      expect(await look(away)).toMatchObject({ opened: [''], state: 'waiting' });
      // The event `online` ends the wait.
      await away.setOffline(false);
      for (const [tab, { clientId }] of [
        [away, first],
        [near, firstNear],
      ] as const) {
        const seen = await receive(tab);
        const opened = ['', ...seen.opened.slice(1).map(() => 'resumed')];
        expect(seen).toMatchObject({ opened, clientId, gaps: [] });
        expect(missing(seen.texts)).toEqual([]);
        expect(await tab.evaluate('client.request("any", 0)')).toMatchObject({ last: 2 });
        await tab.close();
      }
    });
  });
}

async function look(tab: Tab): Promise<Seen> {
  const { texts, ...seen } = await tab.evaluate<Seen & { texts: string }>(
    `({ ...seen, clientId: client.clientId, state: client.state, texts: sessionStorage.texts })`,
  );
  return { ...seen, texts: texts.split('\n').slice(0, -1) };
}

/** Waits until a page is connected and has received messages of every stream since. */
async function receive(tab: Tab): Promise<Seen> {
  const isOpen = `globalThis.client?.state === 'open'`;
  await eventually(() => tab.evaluate(isOpen), longWait);
  const { texts } = await look(tab);
  return await eventually(async () => {
    const seen = await look(tab);
    return seen.texts.length > texts.length + 20 && seen;
  }, longWait);
}
