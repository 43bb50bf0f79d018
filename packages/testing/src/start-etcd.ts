import { type ChildProcess, spawn } from 'node:child_process';
import { request } from 'node:https';
import type { Certificate } from './certificate.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Options of an etcd. */
export interface EtcdOptions {
  /** Certificate for TLS. @default no TLS */
  readonly tls?: Certificate;
  /** The only user, who may read and write below `/test/`. @default no authentication */
  readonly user?: { readonly name: string; readonly password: string };
  /** Time after which an unused token expires, in seconds. @default that of etcd */
  readonly tokenSeconds?: number;
}

/** A private etcd on a free port, with its data in a temporary folder. */
export interface Etcd {
  /** Value for `registerAddress`. */
  readonly address: string;
  /** Kills it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again with its data. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  dispose(): Promise<void>;
}

/** Starts an etcd and resolves once it answers. */
export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  const { tls, user, tokenSeconds } = options;
  const [clients = 0, peers = 0] = await freePorts(2);
  const folder = await temporaryFolder('etcd');
  let child: ChildProcess | undefined;
  const url = `http${tls ? 's' : ''}://127.0.0.1:${clients}`;
  const peer = `http://127.0.0.1:${peers}`;
  const ask = (path: string, body?: object) => post(`${url}${path}`, tls?.cert, body);
  const security: string[] = [];
  if (tls !== undefined) {
    security.push('--cert-file', await folder.write('cert.pem', tls.cert));
    security.push('--key-file', await folder.write('key.pem', tls.key));
  }
  if (tokenSeconds !== undefined) security.push('--auth-token-ttl', String(tokenSeconds));
  const start = async (): Promise<void> => {
    child = spawn(
      'etcd',
      [
        ...['--data-dir', `${folder.path}/data`, '--log-level', 'error', '--name', 'test'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', `test=${peer}`],
        ...security,
      ],
      { stdio: 'ignore' },
    );
    await eventually(() => ask('/health'));
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
  if (user !== undefined) await enableUsers(ask, user);
  const credentials = user === undefined ? '' : `${user.name}:${user.password}@`;
  return {
    address: `etcd${tls ? 's' : ''}://${credentials}127.0.0.1:${clients}/test`,
    kill,
    start,
    async dispose() {
      await kill();
      await folder.dispose();
    },
  };
}

type Ask = (path: string, body?: object) => Promise<true>;

/** Source: https://etcd.io/docs/v3.4/op-guide/authentication/ */
async function enableUsers(
  ask: Ask,
  { name, password }: { readonly name: string; readonly password: string },
): Promise<void> {
  const [from, to] = ['/test/', '/test0'].map((text) => Buffer.from(text).toString('base64'));
  await ask('/v3/auth/user/add', { name: 'root', password: `root of ${password}` });
  await ask('/v3/auth/role/add', { name: 'root' });
  await ask('/v3/auth/user/grant', { user: 'root', role: 'root' });
  await ask('/v3/auth/user/add', { name, password });
  await ask('/v3/auth/role/add', { name: 'test' });
  const perm = { permType: 'READWRITE', key: from, range_end: to };
  await ask('/v3/auth/role/grant', { name: 'test', perm });
  await ask('/v3/auth/user/grant', { user: name, role: 'test' });
  await ask('/v3/auth/enable', {});
}

/** Resolves on a successful response. `fetch` has no option for a certificate authority. */
async function post(url: string, ca: string | undefined, body: object | undefined): Promise<true> {
  if (ca === undefined) {
    const given = body && { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(url, given);
    if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    return true;
  }
  return await new Promise((resolve, reject) => {
    const sent = request(url, { ca, method: body ? 'POST' : 'GET' }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve(true);
      else reject(new Error(`${url}: ${response.statusCode}`));
    });
    sent.on('error', reject).end(body && JSON.stringify(body));
  });
}
