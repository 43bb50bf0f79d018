import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { captureLogger, eventually, temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { AdoptedChildren } from './adopted-children.ts';
import { LineReader } from './line-reader.ts';
import type { Orphan } from './orphan.ts';
import type { Role } from './process-declaration.ts';

const report = {
  listen: 'websocket://0.0.0.0:8282',
  ready: true,
  obstacles: [],
  ...{ connections: 3, inFlight: 0, sent: 1, received: 2, failedSends: 0, requests: 0 },
  ...{ memory: 1, qps: 2, eventLoopLagMs: 3, droppedLines: 0, limits: {}, tables: {} },
};

/** An orphan that answers as a process does, and ends when it is told to stop. */
class FakeOrphan {
  readonly heard: { type: string }[] = [];
  letsPortGo = true;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new LineReader(65_536);
    socket.setEncoding('utf8').on('data', (piece: string) => {
      for (const line of reader.push(piece) ?? []) this.#answer(JSON.parse(line));
    });
  }

  get types(): string[] {
    return this.heard.map(({ type }) => type.replace('gatewayworker:', ''));
  }

  say(message: object): void {
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  #answer(message: { type: string; request?: number }): void {
    this.heard.push(message);
    const { type, request } = message;
    if (type === 'gatewayworker:report') this.say({ type, request, report });
    if (type === 'gatewayworker:stop') this.#socket.end();
    if (type === 'gatewayworker:releasePort' && this.letsPortGo) {
      this.say({ type: 'gatewayworker:portReleased' });
    }
  }
}

async function startAdopting(isReplaced: (role: Role, name: string) => boolean) {
  const folder = await temporaryFolder('adopted');
  onTestFinished(folder.dispose);
  const server = createServer().listen(`${folder.path}/x.sock`);
  onTestFinished(() => void server.close());
  const children = new AdoptedChildren({
    logger: captureLogger().logger,
    stopTimeoutMs: 2_000,
    isDeclared: (_, name) => name !== 'undeclared',
    isReplaced,
  });
  const adopt = async (orphan: Partial<Orphan>) => {
    const accepted = once(server, 'connection');
    const socket = connect(`${folder.path}/x.sock`);
    onTestFinished(() => void socket.destroy());
    const [own]: Socket[] = await accepted;
    if (own === undefined) throw new Error('there is no connection');
    own.setEncoding('utf8');
    const fake = new FakeOrphan(socket);
    // No process has this pid: a kill would fail the test.
    const rest = { id: 0, pid: 2 ** 30, livedMs: 5_000, endsInMs: null } as const;
    children.add({ role: 'gateway', name: 'gate', ...rest, ...orphan }, own);
    await eventually(() => fake.types.includes('adopted'));
    return fake;
  };
  return { children, adopt };
}

test('lets a gateway leave, and shows it as leaving with its figures', async () => {
  const { children, adopt } = await startAdopting(() => true);
  const gateway = await adopt({ id: 1 });
  await eventually(() => gateway.types.includes('leave'));
  expect(children.has('gateway', 'gate', 1)).toBe(true);
  const [row] = await children.status(1_000);
  expect(row).toMatchObject({ state: 'leaving', name: 'gate', id: 1, connections: 3 });
  expect(row?.uptimeSeconds).toBeGreaterThanOrEqual(5);
});

test('has the gateways of a name let their port go, those too that come later', async () => {
  const { children, adopt } = await startAdopting(() => false);
  const [gate, other] = [await adopt({ id: 1 }), await adopt({ name: 'other' })];
  const worker = await adopt({ role: 'business-worker' });
  await children.releasePorts('gate');
  expect(gate.types).toEqual(['adopted', 'releasePort']);
  const late = await adopt({ id: 2 });
  await eventually(() => late.types.includes('releasePort'));
  const undeclared = await adopt({ name: 'undeclared' });
  await eventually(() => undeclared.types.includes('releasePort'));
  expect(other.types).toEqual(['adopted']);
  await Promise.all([children.releasePorts('other'), children.releasePorts('other')]);
  expect(other.types).toEqual(['adopted', 'releasePort']);
  expect(worker.types).toEqual(['adopted']);
});

test('waits for a gateway that does not let its port go until that is gone, or for a while', async () => {
  const { children, adopt } = await startAdopting(() => false);
  const gate = await adopt({});
  gate.letsPortGo = false;
  let isFree = false;
  const released = children.releasePorts('gate').then(() => {
    isFree = true;
  });
  await eventually(() => gate.types.includes('releasePort'));
  expect(isFree).toBe(false);
  await children.stop('gateway', { isGraceful: false, timeoutMs: 1_000, drainMs: 0 });
  await released;
  const mute = await adopt({ id: 1 });
  mute.letsPortGo = false;
  await children.releasePorts('gate');
  expect(mute.types).toContain('releasePort');
});

test('stops a worker once others do its work, and not before', async () => {
  let isReplaced = false;
  const { children, adopt } = await startAdopting((role, name) => {
    return isReplaced && role === 'business-worker' && name === 'brain';
  });
  const worker = await adopt({ role: 'business-worker', name: 'brain' });
  const other = await adopt({ role: 'business-worker', name: 'other' });
  isReplaced = true;
  children.retireSoon();
  await eventually(() => !children.has('business-worker', 'brain', 0));
  expect(worker.heard.at(-1)).toEqual({
    type: 'gatewayworker:stop',
    isGraceful: true,
    timeoutMs: 2_000,
    drainMs: 0,
  });
  expect(other.types).toEqual(['adopted']);
});

test('stops one that got SIGTERM, one that was stopping, and whoever comes during a stop', async () => {
  const { children, adopt } = await startAdopting(() => false);
  const stopping = await adopt({ role: 'worker', name: 'web', endsInMs: 700 });
  await eventually(() => stopping.types.includes('stop'));
  expect(stopping.heard.at(-1)).toMatchObject({ timeoutMs: 700 });
  const terminated = await adopt({ role: 'worker', name: 'timer' });
  terminated.say({ type: 'gatewayworker:terminated' });
  await eventually(() => terminated.types.includes('stop'));
  children.prepareStop();
  children.stopNew({ isGraceful: false, timeoutMs: 1_000, drainMs: 0 });
  const late = await adopt({});
  await eventually(() => late.types.includes('stop'));
  expect(late.heard.at(-1)).toMatchObject({ isGraceful: false });
  await eventually(async () => (await children.status(1_000)).length === 0);
});
