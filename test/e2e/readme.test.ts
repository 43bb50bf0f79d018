import { readFile } from 'node:fs/promises';
import {
  eventually,
  freePorts,
  openClient,
  runCommand,
  startCluster,
  type TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { transform } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { npmStart } from './start-example.ts';

const readme = new URL('../../README.md', import.meta.url);

/** The files that README shows, so that a change is noticed. */
const events = `// events.ts
import { gateway, type Context, type EventHandler } from 'gatewayworker';

interface Session { name: string; room: string }

export class Events implements EventHandler<Session> {
  onConnect(clientId: string, ctx: Context<Session>) { ctx.send(JSON.stringify({ type: 'init', clientId })); }
  async onMessage(clientId: string, message: string | Buffer, ctx: Context<Session>) {
    ctx.session = { name: 'Tom', room: 'r1' };
    gateway.joinGroup(clientId, 'r1');
    gateway.sendToGroup('r1', message, { exclude: [clientId] });
  }
  onClose(clientId: string, ctx: Context<Session>) { gateway.sendToGroup('r1', \`\${ctx.session?.name} left\`); }
}`;

const start = `// start.ts
import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';

new Register({ listen: '127.0.0.1:1236' });
new Gateway({ name: 'chat-gateway', listen: 'websocket://0.0.0.0:8282', count: 2, lanIp: '127.0.0.1', startPort: 2900, registerAddress: '127.0.0.1:1236' });
new BusinessWorker({ name: 'chat-worker', count: 2, eventHandler: new URL('./events.ts', import.meta.url), registerAddress: '127.0.0.1:1236' });
run();`;

/** The code block of README.md that begins with a comment naming the file. */
async function codeBlock(name: string): Promise<string> {
  const text = await readFile(readme, 'utf8');
  const code = text.split('```ts\n').find((block) => block.startsWith(`// ${name}\n`));
  return code?.split('\n```')[0] ?? '';
}

async function open(port: number): Promise<TestClient> {
  const client = await openClient(port);
  onTestFinished(() => client.terminate());
  return client;
}

test('README: shows the two files of an application word for word', async () => {
  expect(await codeBlock('events.ts')).toBe(events);
  expect(await codeBlock('start.ts')).toBe(start);
});

test('README: npm start runs the chat example', async () => {
  const [page = 0, gateway = 0, register = 0, inner = 0] = await freePorts(5);
  const env = {
    CHAT_PAGE_PORT: String(page),
    CHAT_GATEWAY_PORT: String(gateway),
    CHAT_REGISTER_PORT: String(register),
    CHAT_INNER_PORT: String(inner),
  };
  onTestFinished(await npmStart('.', env));
  expect(await fetch(`http://127.0.0.1:${page}`)).toMatchObject({ status: 200 });
  const client = await open(gateway);
  client.send('hello');
  expect(await client.nextJson()).toMatchObject({ type: 'error' });
});

// The test of an installation runs them as TypeScript.
test('README: its files run after compilation', async () => {
  // The second gateway process takes the port after the first.
  const [register = 0, gateway = 0, inner = 0] = await freePorts(4);
  const withPorts = (code: string): string =>
    code
      .replaceAll('1236', String(register))
      .replaceAll('8282', String(gateway))
      .replaceAll('2900', String(inner));
  const folder = await temporaryFolder('readme');
  onTestFinished(() => folder.dispose());
  const write = async (name: string): Promise<string> => {
    const { code } = await transform(withPorts(await codeBlock(`${name}.ts`)), { loader: 'ts' });
    return await folder.write(`${name}.js`, code);
  };
  const [, file = '', announcer = ''] = await Promise.all(
    ['events', 'start', 'announce'].map(write),
  );
  const cluster = await startCluster({ file });
  onTestFinished(() => cluster.dispose());
  const [first, second] = [await open(gateway), await open(gateway)];
  const init = { type: 'init', clientId: expect.stringMatching(/^[\w-]{20}$/) };
  const [one, other] = [await first.nextJson(), await second.nextJson()];
  expect([one, other]).toEqual([init, init]);
  expect(one).not.toEqual(other);
  // A client joins the room with its first message.
  second.send('I am here');
  await eventually(() => {
    first.send('hello');
    return second.messages.includes('hello');
  });
  expect(first.messages).not.toContain('hello');
  expect(await runCommand(announcer, [])).toEqual({
    exitCode: 0,
    stdout: '2 are in the room\n',
    stderr: '',
  });
  await eventually(() =>
    [first, second].every(({ messages }) => messages.includes('Lunch is ready')),
  );
  await first.close();
  await eventually(() => second.messages.includes('Tom left'));
  expect(await cluster.stop()).toBe(0);
});
