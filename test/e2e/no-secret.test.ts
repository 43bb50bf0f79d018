import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { inspect } from 'node:util';
import {
  type CommandResult,
  captureLogger,
  childPids,
  endDaemon,
  eventually,
  freePorts,
  makeCertificate,
  openClient,
  runCommand,
  TcpPeer,
  temporaryFolder,
} from '@gatewayworker/testing';
import { BusinessWorker, Gateway, GatewayClient, Register } from 'gatewayworker';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Secret, secretsIn } from './secrets.ts';

const makeSecret = (name: string): Secret => ({
  name,
  value: `${name.replaceAll(' ', '-')}-${randomBytes(18).toString('base64url')}`,
});

const [oldKey, newKey, wrongKey, password, passphrase] = [
  makeSecret('old key'),
  makeSecret('new key'),
  makeSecret('wrong key'),
  makeSecret('etcd password'),
  makeSecret('passphrase'),
] as const;
let cert: string;
let key: string;
let secrets: readonly Secret[];

beforeAll(async () => {
  const made = await makeCertificate();
  ({ cert, key } = made);
  // The first line of a key is that of many keys; the next ones are its own.
  const lines = key.split('\n').slice(2, 5);
  const ofKey = lines.map((value, index) => ({ name: `private key, line ${index}`, value }));
  secrets = [oldKey, newKey, wrongKey, password, passphrase, ...ofKey];
});

test('search: finds a secret in every form', () => {
  const { value } = oldKey;
  const texts = [
    ...[value, value.slice(0, 12), value.slice(3), JSON.stringify({ value })],
    ...['hex', 'base64', 'base64url'].map((form) => Buffer.from(value).toString(form as 'hex')),
    ...['x', 'xy', 'xyz'].map((before) => Buffer.from(before + value).toString('base64')),
  ];
  for (const text of texts) expect(secretsIn(`before ${text} after`, secrets)).not.toEqual([]);
  expect(secretsIn('nothing of the kind', secrets)).toEqual([]);
});

const eventsFile = `
export class Events {
  onMessage(_clientId, message, ctx) {
    if (message === 'throw') throw Object.assign(new Error('a callback failed'), { options: SECRETS });
    if (message === 'crash') setImmediate(() => { throw Object.assign(new Error('crashed'), SECRETS); });
    ctx.send(String(process.pid));
  }
}
`;

/** Everything that a cluster and the commands about it have put out. */
class Outputs {
  readonly #texts = new Map<string, string>();

  add(source: string, text: string): void {
    this.#texts.set(source, `${this.#texts.get(source) ?? ''}${text}`);
  }

  addCommand(source: string, { stdout, stderr }: CommandResult): void {
    this.add(source, `${stdout}\n${stderr}`);
  }

  get(source: string): string {
    return this.#texts.get(source) ?? '';
  }

  /** What shows which secret. */
  leaks(): string[] {
    return [...this.#texts].flatMap(([source, text]) =>
      secretsIn(text, secrets).map((leak) => `${source}: ${leak}`),
    );
  }
}

test('secrets: in no output of a cluster, whatever happens to it', {
  timeout: 240_000,
}, async () => {
  const [register = 0, port = 0, inner = 0, probes = 0] = await freePorts(4);
  const folder = await temporaryFolder('secrets');
  onTestFinished(folder.dispose);
  onTestFinished(() => endDaemon(`${folder.path}/start.pid`));
  const registerAddress = `127.0.0.1:${register}`;
  const secretKey = [oldKey.value, newKey.value];
  const innerTls = { cert, key, ca: cert };
  const common = JSON.stringify({ secretKey, innerTls });
  // Secrets stand in the start file itself, where errors may quote its lines.
  const file = await folder.write(
    'start.js',
    `import { BusinessWorker, Gateway, Register, run } from 'gatewayworker';
const common = ${common};
new Register({ listen: '${registerAddress}', ...common });
new Gateway({ name: 'gate', listen: 'websocket://127.0.0.1:${port}', startPort: ${inner}, registerAddress: '${registerAddress}', ...common });
new BusinessWorker({ name: 'brain', count: 2, eventHandler: new URL('./events.js', import.meta.url), registerAddress: '${registerAddress}', ...common });
// No etcd listens there, so this gateway is never ready.
new Gateway({ name: 'astray', listen: 'websocket://127.0.0.1:0', startPort: 0, registerAddress: 'etcd://root:${password.value}@127.0.0.1:1/x', ...common });
run({ readyTimeoutMs: 30_000, health: '127.0.0.1:${probes}' });
`,
  );
  const shown = JSON.stringify({ secretKey, passphrase: passphrase.value, tls: { key } });
  await folder.write('events.js', eventsFile.replaceAll('SECRETS', shown));
  const outputs = new Outputs();
  const command = async (...args: string[]): Promise<CommandResult> => {
    const result = await runCommand(file, args, { timeoutMs: 60_000 });
    outputs.addCommand(args.join(' '), result);
    return result;
  };

  // One gateway is never ready.
  expect((await command('start', '-d', '--wait', '1')).exitCode).toBe(1);
  const pid = Number(await readFile(`${folder.path}/start.pid`, 'utf8'));
  // The others are ready once a client is admitted.
  const client = await eventually(() => openClient(port));
  onTestFinished(() => client.terminate());

  // Strangers: a wrong key, no TLS, bytes of another protocol.
  const log = captureLogger();
  const stranger = { registerAddress, secretKey: wrongKey.value, innerTls, connectTimeoutMs: 800 };
  const refused = await GatewayClient.connect(stranger, log.logger).catch(
    (error: unknown) => error,
  );
  const plainRefused = await GatewayClient.connect(
    { registerAddress, secretKey, connectTimeoutMs: 800 },
    log.logger,
  ).catch((error: unknown) => error);
  outputs.add('errors of strangers', inspect([refused, plainRefused], { depth: 9 }));
  const etcdAway = await GatewayClient.connect(
    { registerAddress: `etcd://root:${password.value}@127.0.0.1:1/x`, connectTimeoutMs: 300 },
    log.logger,
  ).catch((error: unknown) => error);
  expect(String(etcdAway)).toContain('no etcd at etcd://hidden@127.0.0.1:1/x answered');
  outputs.add('error of one who asks an etcd', inspect(etcdAway, { depth: 9 }));
  for (const target of [register, inner]) {
    const peer = new TcpPeer(connect(target, '127.0.0.1'));
    peer.send(`GET /?key=${'x'.repeat(20)} HTTP/1.1\r\n\r\n`);
    outputs.add('answers to strangers', (await peer.ended).toString('latin1'));
  }
  outputs.add('log of strangers', JSON.stringify(log.lines));

  // A callback that throws, a worker that crashes, one that is killed.
  client.send('throw');
  client.send('who');
  const worker = Number(await client.next());
  client.send('crash');
  await client.next();
  const logFile = (): Promise<string> => readFile(`${folder.path}/start.log`, 'utf8');
  await eventually(async () => (await logFile()).includes('crashed'));
  const next = await eventually(() => {
    client.send('who');
    return client.messages.map(Number).find((other) => other !== worker);
  });
  process.kill(next, 'SIGKILL');
  await eventually(async () => /SIGKILL/.test(await logFile()));

  for (const pids of [[pid], childPids(pid)]) {
    for (const one of pids) {
      for (const name of ['cmdline', 'comm', 'status']) {
        outputs.add('processes', await readFile(`/proc/${one}/${name}`, 'utf8').catch(() => ''));
      }
    }
  }
  expect(outputs.get('processes')).toContain('start.js');
  await command('status');
  await command('status', '--json');
  await command('connections');
  await command('connections', '--json');
  await command('health');
  await command('health', '--json');
  for (const path of ['/live', '/ready', '/ready/gate', '/ready/astray', '/ready/unknown']) {
    const answer = await fetch(`http://127.0.0.1:${probes}${path}`);
    outputs.add(`probe ${path}`, await answer.text());
  }
  await command('start');
  await command('reload');
  await command('drain', 'gate', '--over', '1');
  await command('health', '--ready');
  await command('frobnicate');
  await command('stop');
  for (const name of await readdir(folder.path)) {
    if (name === 'start.js' || name === 'events.js') continue;
    outputs.add(`file ${name}`, await readFile(`${folder.path}/${name}`, 'utf8'));
  }
  expect(outputs.get('connections --json')).toContain('"clientId"');
  expect(outputs.get('health --json')).toContain('"warnings"');
  expect(outputs.get('probe /live')).toContain('"live":true');
  expect(outputs.get('probe /ready/astray')).toContain('the etcd does not answer');
  expect(outputs.get('drain gate --over 1')).toContain('gate');
  expect(outputs.get('file start.log')).toMatch(/inner link refused/);
  expect(outputs.get('file start.log')).toMatch(/etcd unavailable/);
  expect(outputs.get('file start.log')).toMatch(/a callback failed/);
  expect(outputs.leaks()).toEqual([]);
});

test('secrets: in no error of a refused option', async () => {
  const listen = 'websocket://127.0.0.1:1';
  const eventHandler = '/events.js';
  const etcd = (credentials: string): string => `etcd://${credentials}@127.0.0.1:1/x`;
  const { value } = oldKey;
  // Calls that JavaScript allows and TypeScript does not.
  const registers = (...options: unknown[]) => Reflect.construct(Register, options);
  const gateways = (options: object) => Reflect.construct(Gateway, [{ listen, ...options }]);
  const workers = (options: object) =>
    Reflect.construct(BusinessWorker, [{ eventHandler, ...options }]);
  const misuses: (() => unknown)[] = [
    () => registers(value),
    () => registers([{ secretKey: value }]),
    () => registers({ secretKey: value, listen: 5 }),
    () => registers({ secretKey: { value } }),
    () => registers({ secretKey: [value, ''] }),
    () => registers({ secretKey: [value, [value]] }),
    () => registers({ secretkey: value }),
    () => registers({ passphrase: value }),
    () => registers({ [`name`]: { secretKey: value } }),
    () => gateways({ secretKey: Buffer.from(value) }),
    () => gateways({ secretKey: value, lanIp: '0.0.0.0' }),
    () => gateways({ listen: { secretKey: value } }),
    () => gateways({ tls: key }),
    () => gateways({ tls: { cert: key, key: cert } }),
    () => gateways({ tls: { cert, key: [key] } }),
    () => gateways({ tls: { cert, kee: key } }),
    () => gateways({ tls: { cert, key, passphrase: [passphrase.value] } }),
    () => gateways({ innerTls: key }),
    () => gateways({ innerTls: [key] }),
    () => gateways({ innerTls: { pem: key } }),
    () => gateways({ innerTls: { cert, key: { key } } }),
    () => gateways({ innerTls: { key } }),
    () => workers({ innerTls: { ca: key, cert: key, key: cert } }),
    ...[password.value, `/${password.value}`, `${password.value}@`, `%${password.value}`].flatMap(
      (text) => [
        () => workers({ registerAddress: `${etcd(`root:${text}`)}?` }),
        () => workers({ registerAddress: [etcd(`root:${text}`)] }),
        () => workers({ registerAddress: `root:${text}@127.0.0.1:0` }),
        () => workers({ registerAddress: { address: etcd(`root:${text}`) } }),
      ],
    ),
    () => workers({ secretKey: value, registerAddress: 'nowhere' }),
  ];
  for (const misuse of misuses) {
    let thrown: unknown;
    try {
      misuse();
    } catch (error) {
      thrown = error;
    }
    expect(thrown, String(misuse)).toMatchObject({ code: 'GW_ERR_OPTION_INVALID' });
    const log = captureLogger();
    log.logger.error(thrown);
    const text = `${inspect(thrown, { depth: 9 })} ${JSON.stringify([thrown, log.lines])}`;
    expect(secretsIn(text, secrets), String(misuse)).toEqual([]);
  }
});
