import { type ChildProcess, spawn } from 'node:child_process';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** An etcd of one's own, on a free port, with its data in a temporary folder. */
export interface Etcd {
  /** What `registerAddress` takes. */
  readonly address: string;
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>;
  /** Starts it again, with what it has kept. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  dispose(): Promise<void>;
}

/** Starts an etcd and resolves once it answers. */
export async function startEtcd(): Promise<Etcd> {
  const [clients = 0, peers = 0] = await freePorts(2);
  const folder = await temporaryFolder('etcd');
  let child: ChildProcess | undefined;
  const url = `http://127.0.0.1:${clients}`;
  const peer = `http://127.0.0.1:${peers}`;
  const start = async (): Promise<void> => {
    child = spawn(
      'etcd',
      [
        ...['--data-dir', folder.path, '--log-level', 'error', '--name', 'test'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', `test=${peer}`],
      ],
      { stdio: 'ignore' },
    );
    await eventually(() => fetch(`${url}/health`).then(({ ok }) => ok));
  };
  const kill = async (): Promise<void> => {
    const killed = child;
    child = undefined;
    if (killed === undefined) return;
    const ended = new Promise((resolve) => killed.once('exit', resolve));
    killed.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    address: `etcd://127.0.0.1:${clients}/test`,
    kill,
    start,
    async dispose() {
      await kill();
      await folder.dispose();
    },
  };
}
