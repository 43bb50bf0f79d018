import { spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually, temporaryFolder } from '@gatewayworker/testing';
import { WebSocket } from 'ws';
import type { Tab, TabBrowser } from './tab-browser.ts';

/** Without these, it asks servers of Mozilla at its start, and blocks `open` of a script. */
const preferences = [
  'user_pref("app.normandy.enabled", false);',
  'user_pref("browser.newtabpage.enabled", false);',
  'user_pref("dom.disable_open_during_load", false);',
  'user_pref("network.captive-portal-service.enabled", false);',
  'user_pref("network.connectivity-service.enabled", false);',
  'user_pref("nimbus.rollouts.enabled", false);',
];

type Result = Readonly<Record<string, unknown>>;

/** Sends a command of WebDriver BiDi. Source: https://www.w3.org/TR/webdriver-bidi/ */
type Send = (method: string, params: object) => Promise<Result>;

/** Starts Firefox without a window. */
export async function launchFirefox(): Promise<TabBrowser> {
  const folder = await temporaryFolder('firefox');
  await writeFile(join(folder.path, 'user.js'), preferences.join('\n'));
  const args = ['--headless', '--profile', folder.path, '--remote-debugging-port', '0'];
  const child = spawn('firefox-esr', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: folder.path, MOZ_CRASHREPORTER_DISABLE: '1' },
  });
  const ended = once(child, 'close');
  const dispose = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    // The processes of its tabs end a moment later, and may still write into the profile.
    await eventually(() => folder.dispose().then(() => true));
  };
  try {
    const address = await readAddress(child.stderr);
    const socket = new WebSocket(`${address}/session`);
    await once(socket, 'open');
    const send = createSend(socket);
    await send('session.new', { capabilities: {} });
    return {
      async open(url) {
        const { context } = await send('browsingContext.create', { type: 'tab' });
        const tab = createTab(send, String(context));
        await tab.goto(url);
        return tab;
      },
      close: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function readAddress(stderr: NodeJS.ReadableStream): Promise<string> {
  const lines = createInterface(stderr);
  const printed: string[] = [];
  return await new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      printed.push(line);
      const [, address] = /^WebDriver BiDi listening on (\S+)$/.exec(line) ?? [];
      if (address !== undefined) resolve(address);
    });
    lines.on('close', () => reject(new Error(`Firefox has ended:\n${printed.join('\n')}`)));
  });
}

function createSend(socket: WebSocket): Send {
  let last = 0;
  return async (method, params) => {
    last += 1;
    const id = last;
    socket.send(JSON.stringify({ id, method, params }));
    for await (const [data] of on(socket, 'message', { close: ['close'] })) {
      const answer = JSON.parse(String(data));
      if (answer.id !== id) continue;
      if (answer.error !== undefined) throw new Error(`${answer.error}: ${answer.message}`);
      return answer.result;
    }
    throw new Error(`Firefox has ended before the answer to ${method}`);
  };
}

function createTab(send: Send, context: string): Tab {
  const contexts = async (): Promise<string[]> => {
    const { contexts: all } = await send('browsingContext.getTree', { maxDepth: 0 });
    return (all as { context: string }[]).map((one) => one.context);
  };
  const tab: Tab = {
    async goto(url) {
      await send('browsingContext.navigate', { context, url, wait: 'complete' });
    },
    async reload() {
      await send('browsingContext.reload', { context, wait: 'complete' });
    },
    async back() {
      await send('browsingContext.traverseHistory', { context, delta: -1 });
    },
    async setOffline(isOffline) {
      const networkConditions = isOffline ? { type: 'offline' } : null;
      await send('emulation.setNetworkConditions', { networkConditions, contexts: [context] });
    },
    async evaluate(expression) {
      const { result, exceptionDetails } = await send('script.evaluate', {
        // As JSON, because BiDi has its own encoding of values.
        expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value ?? null))`,
        target: { context },
        awaitPromise: true,
      });
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return JSON.parse(String(Reflect.get(Object(result), 'value')));
    },
    async duplicate() {
      const before = await contexts();
      await tab.evaluate('void open(location.href)');
      const opened = await eventually(async () =>
        (await contexts()).find((one) => !before.includes(one)),
      );
      return createTab(send, opened);
    },
    async close() {
      await send('browsingContext.close', { context });
    },
  };
  return tab;
}
