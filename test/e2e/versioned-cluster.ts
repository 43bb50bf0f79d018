import { ReloadKind, type ReloadStep, requestReload } from '@gatewayworker/supervisor';
import {
  type Cluster,
  type CommandResult,
  eventually,
  freePorts,
  openClient,
  runCommand,
  type StatusProcess,
  startCluster,
  type TemporaryFolder,
  type TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';
import type { AtEnd } from './shared.ts';

/**
 * Application code whose clients can tell which version of it answers: `<version> <pid> <message>`.
 *
 * It is JavaScript and TypeScript at once.
 */
export function eventsOf(version: string, more = ''): string {
  return `
export class Events {
  onMessage(_clientId, message, ctx) {
    if (message === 'spin') spin();
    if (message === 'hang') return new Promise(() => {});
    return ctx.send('${version} ' + process.pid + ' ' + message);
  }
  ${more}
}

function spin() {
  for (;;);
}
`;
}

/** A cluster whose application code a test can replace. */
export interface VersionedCluster {
  readonly cluster: Cluster;
  readonly folder: TemporaryFolder;
  readonly file: string;
  /** Runs a command of the start file. */
  command(...args: string[]): Promise<CommandResult>;
  /** Reloads the workers by a request of this process, which costs less than a command. */
  reload(): Promise<ReloadStep[]>;
  /** Opens a client that is terminated after the test. */
  open(): Promise<TestClient>;
  /** Replaces the application code. */
  write(events: string): Promise<string>;
}

/** The parts of the start file that a test chooses. */
export interface VersionedOptions {
  /** Number of business workers. @default 2 */
  readonly workers?: number;
  /** Number of gateways. @default 2 */
  readonly gateways?: number;
  /** Options of `run`, as they stand in the start file. @default '{}' */
  readonly run?: string;
  /** Code before `run`, such as more declarations. @default '' */
  readonly more?: string;
  /** Command and flags. @default ['start'] */
  readonly args?: readonly string[];
  /** Variables on top of those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Application code. @default that of version v1 */
  readonly events?: string;
  /** When the cluster ends. @default after the test */
  readonly atEnd?: AtEnd;
}

/** Starts a register, gateways and business workers in the foreground. */
export async function startVersioned(options: VersionedOptions = {}): Promise<VersionedCluster> {
  const [register = 0, port = 0, inner = 0] = await freePorts(4);
  const folder = await temporaryFolder('versioned');
  const { atEnd = onTestFinished } = options;
  atEnd(folder.dispose);
  const write = (events: string) => folder.write('events.js', events);
  await write(options.events ?? eventsOf('v1'));
  const file = await folder.write(
    'start.js',
    `import { BusinessWorker, Gateway, Register, run, Worker } from 'gatewayworker';
const registerAddress = '127.0.0.1:${register}';
const eventHandler = new URL('./events.js', import.meta.url);
new Register({ listen: registerAddress });
new Gateway({ name: 'gate', listen: 'websocket://127.0.0.1:${port}', count: ${options.gateways ?? 2}, startPort: ${inner}, registerAddress });
new BusinessWorker({ name: 'brain', count: ${options.workers ?? 2}, eventHandler, registerAddress });
${options.more ?? ''}
run(${options.run ?? '{}'});
`,
  );
  const cluster = await startCluster({
    file,
    args: options.args ?? ['start'],
    env: options.env ?? {},
    readyTimeoutMs: 40_000,
  });
  atEnd(cluster.dispose);
  return {
    cluster,
    folder,
    file,
    write,
    command: (...args) => runCommand(file, args),
    async reload() {
      const steps: ReloadStep[] = [];
      const pidFile = `${folder.path}/start.pid`;
      await requestReload(pidFile, ReloadKind.workers, (step) => steps.push(step));
      return steps;
    },
    async open() {
      const client = await openClient(port);
      onTestFinished(() => client.terminate());
      return client;
    },
  };
}

/** Asks until a worker answers: a worker that ends may leave a question unanswered. Answers `<version> <pid>`. */
export async function ask(client: TestClient): Promise<string> {
  const answer = await eventually(() => {
    client.send('who');
    return client.messages.find((message) => String(message).endsWith(' who'));
  });
  client.messages.length = 0;
  return String(answer).replace(/ who$/, '');
}

/** Pids by `name#id`. */
export function pidsOf(processes: readonly StatusProcess[]): Record<string, number> {
  return Object.fromEntries(processes.map(({ name, id, pid }) => [`${name}#${id}`, pid]));
}
