import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import {
  type ProcessStatus,
  ReloadKind,
  type ReloadStep,
  requestReload,
  requestStatus,
} from '@gatewayworker/supervisor';
import {
  type CommandResult,
  endDaemon,
  eventually,
  freePorts,
  isAlive,
  openClient,
  runCommand,
  type TemporaryFolder,
  type TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished } from 'vitest';
import { longTimeout } from './conversation.ts';
import type { AtEnd } from './shared.ts';

const events = `
import { appendFileSync } from 'node:fs';
import { gateway } from 'gatewayworker';

const note = (line) => appendFileSync(new URL('./notes.txt', import.meta.url), line + '\\n');

export class Events {
  onConnect(clientId, ctx) {
    note('connect ' + clientId);
    gateway.joinGroup(clientId, 'room');
    ctx.send('here ' + clientId);
  }

  onMessage(clientId, message, ctx) {
    const [word, to, text] = message.split(' ');
    if (word === 'bind') gateway.bindUid(clientId, to);
    if (word === 'bind') ctx.send('bound');
    if (word === 'count') {
      const last = ctx.session?.last ?? 0;
      ctx.session = { last: Number(to) };
      ctx.send('count ' + last + ' ' + to);
    }
    if (word === 'room') gateway.sendToGroup('room', 'room ' + ctx.uid + ' ' + to);
    if (word === 'uid') gateway.sendToUid(to, 'uid ' + ctx.uid + ' ' + text);
    if (word === 'all') gateway.getAllClientIdCount().then((count) => ctx.send('all ' + count));
  }

  onClose(clientId, ctx) { note('close ' + clientId + ' ' + ctx.closed.by); }
}
`;

/** A cluster with a gateway for websockets, which offers compression, and one for lines. */
export interface MovingCluster {
  readonly folder: TemporaryFolder;
  readonly ports: { readonly web: number; readonly text: number };
  readonly pidFile: string;
  command(...args: string[]): Promise<CommandResult>;
  /** Reloads the gateways by a request of this process, which costs less than a command. */
  reloadGateways(): Promise<ReloadStep[]>;
  status(): Promise<readonly ProcessStatus[]>;
  /** Lines that the application has written: `connect <id>` and `close <id> <by>`. */
  notes(): string[];
  log(): string;
}

/** Starts one in the background; at the end its remaining processes are killed. */
export async function startMovingCluster(atEnd: AtEnd): Promise<MovingCluster> {
  const [register = 0, web = 0, text = 0, ...inner] = await freePorts(5);
  const folder = await temporaryFolder('moving');
  atEnd(folder.dispose);
  await folder.write('events.js', events);
  await folder.write('notes.txt', '');
  const file = await folder.write(
    'start.js',
    `import { existsSync } from 'node:fs';
import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';
const registerAddress = '127.0.0.1:${register}';
const isBroken = existsSync(new URL('./broken', import.meta.url));
const hasMoved = existsSync(new URL('./moved', import.meta.url));
if (isBroken && process.argv[2] === 'gateway') throw new Error('no settings');
new Register({ listen: registerAddress });
new Gateway({ name: 'web', listen: 'websocket://127.0.0.1:${web}', perMessageDeflate: true, startPort: ${inner[0]} + (hasMoved ? 1 : 0), registerAddress });
new Gateway({ name: 'text', listen: 'text://127.0.0.1:${text}', startPort: ${inner[1]}, registerAddress });
new BusinessWorker({ name: 'brain', count: 2, eventHandler: new URL('./events.js', import.meta.url), registerAddress });
run({ stopTimeoutMs: 10_000, readyTimeoutMs: 60_000 });
`,
  );
  const pids = new Set<number>();
  const pidFile = `${folder.path}/start.pid`;
  const command = (...args: string[]) => runCommand(file, args, { timeoutMs: 120_000 });
  const cluster: MovingCluster = {
    ...{ folder, pidFile, command, ports: { web, text } },
    async reloadGateways() {
      const steps: ReloadStep[] = [];
      await requestReload(pidFile, ReloadKind.gateways, (step) => steps.push(step));
      return steps;
    },
    async status() {
      const report = await requestStatus(pidFile);
      if (report === undefined) throw new Error('no master answers');
      for (const { pid } of report.processes) if (pid !== null) pids.add(pid);
      return report.processes;
    },
    notes: () =>
      readFileSync(`${folder.path}/notes.txt`, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    log: () => readFileSync(`${folder.path}/start.log`, 'utf8'),
  };
  atEnd(async () => {
    await endDaemon(pidFile);
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  expect(await command('start', '-d', '--wait', '50')).toMatchObject({ exitCode: 0, stderr: '' });
  await cluster.status();
  return cluster;
}

/** A client of any protocol. Its numbered messages must be answered once each, in order. */
export class Talker {
  readonly heard: string[] = [];
  readonly #send: (text: string) => void;
  readonly #isOpen: () => boolean;
  sent = 0;

  constructor(send: (text: string) => void, isOpen: () => boolean) {
    this.#send = send;
    this.#isOpen = isOpen;
  }

  get isOpen(): boolean {
    return this.#isOpen();
  }

  /** Its id, which the application has sent. */
  get clientId(): string {
    return this.heard.find((text) => text.startsWith('here '))?.slice(5) ?? '';
  }

  say(text: string): void {
    this.#send(text);
  }

  count(): void {
    this.sent += 1;
    this.say(`count ${this.sent}`);
  }

  /** Messages that begin with a word. */
  heardOf(word: string): string[] {
    return this.heard.filter((text) => text.startsWith(`${word} `));
  }

  /** Throws unless every numbered message was answered once, in order, with the session of the one before. */
  expectAllCounted(): void {
    const expected = Array.from({ length: this.sent }, (_, index) => `count ${index} ${index + 1}`);
    expect(this.heardOf('count')).toEqual(expected);
  }
}

/** Opens a websocket client, which has a uid. */
export async function openTalker(port: number, uid: string): Promise<Talker> {
  const client: TestClient = await openClient(port, '/', { perMessageDeflate: false });
  onTestFinished(() => client.terminate());
  const talker = new Talker(
    (text) => client.send(text),
    () => client.isOpen,
  );
  talker.heard.push(...client.messages.map(String));
  client.onMessage = (message) => void talker.heard.push(String(message));
  return await bind(talker, uid);
}

/** Opens a client of the text protocol, which has a uid. */
export async function openLineTalker(port: number, uid: string): Promise<Talker> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  const talker = new Talker(
    (text) => socket.write(`${text}\n`),
    () => !socket.destroyed,
  );
  let rest = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    talker.heard.push(...lines);
  });
  return await bind(talker, uid);
}

/** Opens a websocket with an incomplete frame, which cannot move. */
export async function openHalfFrame(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  let heard = '';
  socket.on('data', (chunk) => {
    heard += String(chunk);
  });
  await eventually(() => heard.includes('here '), longTimeout);
  // A text frame of 5 bytes, without its last ones.
  socket.write(Buffer.of(0x81, 0x85, 0, 0, 0, 0, 0x61));
  return socket;
}

async function bind(talker: Talker, uid: string): Promise<Talker> {
  talker.say(`bind ${uid}`);
  await eventually(() => talker.heard.includes('bound') && talker.clientId !== '', longTimeout);
  return talker;
}
