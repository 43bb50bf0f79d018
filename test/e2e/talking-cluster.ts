import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import {
  type ConnectionRow,
  type ProcessStatus,
  ReloadKind,
  requestConnections,
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
import { gateway } from 'gatewayworker';

export class Events {
  onConnect(clientId, ctx) {
    gateway.bindUid(clientId, ctx.request.query.get('name'));
    gateway.joinGroup(clientId, 'room');
    ctx.send('here');
  }

  async onMessage(_clientId, message, ctx) {
    const [word, to, text] = message.split(' ');
    if (word === 'count') {
      const last = ctx.session?.last ?? 0;
      ctx.session = { last: Number(to) };
      ctx.send('count ' + last + ' ' + to);
    }
    if (word === 'room') gateway.sendToGroup('room', 'room ' + ctx.uid + ' ' + to);
    if (word === 'uid') gateway.sendToUid(to, 'uid ' + ctx.uid + ' ' + text);
    if (word === 'ask') {
      const answer = await gateway.isUidOnline(ctx.uid).catch(({ message }) => message);
      ctx.send('ask ' + to + ' ' + answer);
    }
  }
}
`;

/** A cluster of a register, two gateways, a business worker and a worker of the user's own. */
export interface TalkingCluster {
  readonly folder: TemporaryFolder;
  readonly port: number;
  /** Where the worker serves a page. */
  readonly pagePort: number;
  /** Pid of the master that runs or ran last. */
  masterPid(): number;
  command(...args: string[]): Promise<CommandResult>;
  /** Reloads the workers by a request of this process, which costs less than a command. */
  reload(): Promise<void>;
  /** The processes that the master knows, whose pids are noted. */
  status(): Promise<readonly ProcessStatus[]>;
  /** The clients of every gateway. */
  connections(): Promise<readonly ConnectionRow[]>;
  /** All pids that were ever noted. */
  readonly pids: ReadonlySet<number>;
  /** Opens a client and waits until a worker has greeted it. */
  enter(name: string): Promise<TestClient>;
  /** The log so far. */
  log(): string;
}

/** Starts one in the background. At the end, after the test by default, its remaining processes are killed. */
export async function startTalkingDaemon(atEnd: AtEnd = onTestFinished): Promise<TalkingCluster> {
  const talking = await prepare(atEnd);
  expect(await talking.command('start', '-d', '--wait', '50')).toMatchObject({
    exitCode: 0,
    stderr: '',
  });
  await talking.status();
  return talking;
}

async function prepare(atEnd: AtEnd): Promise<TalkingCluster> {
  const [register = 0, port = 0, pagePort = 0, inner = 0] = await freePorts(5);
  const folder = await temporaryFolder('talking-daemon');
  atEnd(folder.dispose);
  await folder.write('events.js', events);
  const file = await folder.write(
    'start.js',
    `import { createServer } from 'node:http';
import { BusinessWorker, Gateway, Register, run, Worker } from 'gatewayworker';
const registerAddress = '127.0.0.1:${register}';
const eventHandler = new URL('./events.js', import.meta.url);
new Register({ listen: registerAddress });
new Gateway({ name: 'gate', listen: 'websocket://127.0.0.1:${port}', count: 2, startPort: ${inner}, registerAddress });
new BusinessWorker({ name: 'brain', eventHandler, registerAddress });
const server = createServer((_request, response) => response.end('here'));
new Worker({ name: 'web', onWorkerStart: (worker) => worker.listen(server, { port: ${pagePort}, host: '127.0.0.1' }) });
run({ stopTimeoutMs: 3_000, readyTimeoutMs: 60_000 });
`,
  );
  const pids = new Set<number>();
  const pidFile = `${folder.path}/start.pid`;
  const masterPid = () => Number(readFileSync(pidFile, 'utf8'));
  const command = (...args: string[]) => runCommand(file, args, { timeoutMs: 120_000 });
  const talking: TalkingCluster = {
    folder,
    port,
    pagePort,
    pids,
    masterPid,
    command,
    async reload() {
      const pid = await requestReload(pidFile, ReloadKind.workers, () => {});
      if (pid === undefined) throw new Error('no master answers');
    },
    async status() {
      // A command would be a process each time, and the machine is busy enough.
      const report = await requestStatus(pidFile);
      if (report === undefined) throw new Error('no master answers');
      for (const { pid } of report.processes) if (pid !== null) pids.add(pid);
      return report.processes;
    },
    async connections() {
      const rows: ConnectionRow[] = [];
      const missing = await requestConnections(pidFile, (some) => rows.push(...some));
      expect(missing).toEqual([]);
      return rows;
    },
    async enter(name) {
      const client = await eventually(() => openClient(port, `/?name=${name}`), {
        timeoutMs: 30_000,
      });
      onTestFinished(() => client.terminate());
      await eventually(() => client.messages.includes('here'), { timeoutMs: 30_000 });
      return client;
    },
    log: () => readFileSync(`${folder.path}/start.log`, 'utf8'),
  };
  atEnd(async () => {
    await endDaemon(pidFile);
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  return talking;
}

/** Opens clients, which are in the room. */
export async function enterAll(
  cluster: TalkingCluster,
  names: readonly string[],
): Promise<Map<string, TestClient>> {
  const members = new Map<string, TestClient>();
  for (const name of names) members.set(name, await cluster.enter(name));
  return members;
}

/** Resolves once all processes are ready. */
export async function untilReady(cluster: TalkingCluster): Promise<void> {
  await eventually(async () => {
    const processes = await cluster.status();
    return processes.length === 6 && processes.every(({ state }) => state === 'ready');
  }, longTimeout);
}

/** Kills the master, and resolves once it is gone. */
export async function killMaster(cluster: TalkingCluster): Promise<void> {
  const killed = cluster.masterPid();
  process.kill(killed, 'SIGKILL');
  await eventually(() => !isAlive(killed), longTimeout);
}

/** The pids that there are. */
export function pidsOf(processes: readonly ProcessStatus[]): number[] {
  return processes.flatMap(({ pid }) => (pid === null ? [] : [pid]));
}

/** Stops everything by the command, and throws when something is left. */
export async function stopAll(cluster: TalkingCluster): Promise<void> {
  await cluster.status().catch(() => []);
  expect(await cluster.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
  await expectNothingLeft(cluster);
}

/** Throws when a process, a run directory or a pid file is left. */
export async function expectNothingLeft(cluster: TalkingCluster): Promise<void> {
  expect([...cluster.pids].filter(isAlive)).toEqual([]);
  const left = (await readdir(cluster.folder.path)).filter((name) =>
    /\.(sock|pid|run)$/.test(name),
  );
  expect(left).toEqual([]);
}
