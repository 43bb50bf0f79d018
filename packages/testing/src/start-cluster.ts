import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestStatus, resolveRunOptions } from '@gatewayworker/supervisor';
import { eventually } from './eventually.ts';
import type { NetworkHost } from './network-namespaces.ts';
import { nodeFlags, repositoryRoot } from './node-flags.ts';
import { childPids, endProcess, isAlive } from './processes.ts';

/** One row of `status --json`. */
export interface StatusProcess {
  readonly pid: number;
  readonly role: string;
  readonly name: string;
  readonly id: number;
  readonly [figure: string]: unknown;
}

/** Options of a cluster. */
export interface ClusterOptions {
  /** Absolute path of the start file. */
  readonly file: string;
  /** Arguments of the start file. @default ['start'] */
  readonly args?: readonly string[];
  /** Flags of Node.js. @default those of `nodeFlags` for the start file */
  readonly flags?: readonly string[];
  /** Environment variables in addition to those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Value of `pidFile` of `run`. @default that of `run` */
  readonly pidFile?: string;
  /** Host that it runs on, in a test with several. @default this machine */
  readonly host?: NetworkHost;
  /** Resolve only once every process is ready. @default true */
  readonly waitForReady?: boolean;
  /** @default 120_000 */
  readonly readyTimeoutMs?: number;
}

/** A running start file and all its processes. */
export interface Cluster {
  /** Pid of the master. */
  readonly pid: number;
  /** Output of all its processes so far, both streams. */
  output(): string;
  /** Requests the processes of `status --json`; rejects when no master answers. */
  status(): Promise<StatusProcess[]>;
  /** Sends SIGTERM to the master, and resolves with its exit code once it has ended. */
  stop(): Promise<number | null>;
  /** Kills the master with SIGKILL, and resolves once it has ended; its processes become orphans. */
  killMaster(): Promise<void>;
  /** Resolves once the master has ended for any reason. */
  ended(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Ends the master and all its processes; for `onTestFinished`. */
  dispose(): Promise<void>;
}

/**
 * Runs a start file in the foreground, in a process of its own.
 *
 * @throws with its output, when it ends before all processes are ready, or at the deadline
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { file, flags = nodeFlags(file), args: fileArgs = ['start'] } = options;
  const args = [...flags, file, ...fileArgs];
  const [program, line] = options.host?.commandLine(process.execPath, args) ?? [
    process.execPath,
    args,
  ];
  const child = spawn(program, line, {
    cwd: repositoryRoot,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const cluster = describeCluster(child, options);
  try {
    if (options.waitForReady ?? true)
      await waitUntilReady(child, cluster, options.readyTimeoutMs ?? 120_000);
  } catch (error) {
    await cluster.dispose();
    throw error;
  }
  return cluster;
}

function describeCluster(child: ChildProcess, options: ClusterOptions): Cluster {
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${process.execPath} could not be started`);
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const end = new Promise<Awaited<ReturnType<Cluster['ended']>>>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  // Record the children before the master is killed: afterwards they cannot be found.
  const children = new Set<number>();
  const recordChildren = () => {
    for (const childPid of childPids(pid)) children.add(childPid);
  };
  return {
    pid,
    output: () => printed,
    status: () => readStatus(options),
    async stop() {
      recordChildren();
      child.kill('SIGTERM');
      return (await end).code;
    },
    async killMaster() {
      recordChildren();
      child.kill('SIGKILL');
      await end;
    },
    ended: () => end,
    async dispose() {
      recordChildren();
      // Once it has ended, its pid may belong to another program.
      if (!hasEnded(child)) await endProcess(pid);
      for (const childPid of children) if (isAlive(childPid)) await endProcess(childPid, 0);
    },
  };
}

async function waitUntilReady(
  child: ChildProcess,
  cluster: Cluster,
  timeoutMs: number,
): Promise<void> {
  await eventually(
    async () => {
      if (hasEnded(child)) return 'ended';
      if (!cluster.output().includes('Press Ctrl+C to stop.')) return undefined;
      return !isSlow(cluster.output()) || (await hasStarted(cluster));
    },
    { timeoutMs },
  ).then(
    (outcome) => {
      if (outcome === 'ended') throw new Error(`the start file ended early:\n${cluster.output()}`);
    },
    (error: unknown) => {
      throw new Error(`the start file is not ready:\n${cluster.output()}`, { cause: error });
    },
  );
}

/** Tells whether the command printed its table while processes were still starting: it waits at most 10 s. */
function isSlow(output: string): boolean {
  return /\[starting \d+\/\d+\]/.test(output);
}

async function hasStarted(cluster: Cluster): Promise<boolean> {
  // After this time, the caller repeats the request.
  const timer = new AbortController();
  const timeout = sleep(20_000, undefined, { signal: timer.signal }).catch(() => undefined);
  const rows = await Promise.race([cluster.status(), timeout]).finally(() => timer.abort());
  return rows?.every(({ state }) => state !== 'starting') ?? false;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function readStatus({ file, pidFile }: ClusterOptions): Promise<StatusProcess[]> {
  const report = await requestStatus(pidFile ?? resolveRunOptions({}, file).pidFile);
  if (report === undefined) throw new Error(`${file} is not running`);
  // Convert it as the command and its reader do.
  const printed: { processes: StatusProcess[] } = JSON.parse(JSON.stringify(report));
  return printed.processes;
}
