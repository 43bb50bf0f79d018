import { readdir, rm } from 'node:fs/promises';
import type { ProcessStatus } from '@gatewayworker/supervisor';
import { eventually, isAlive, type TestClient } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startTalkingDaemon, type TalkingDaemon } from './talking-daemon.ts';

/** What a loaded machine may take to start a cluster anew. */
const patience = { timeoutMs: 90_000, intervalMs: 50 };

vi.setConfig({ testTimeout: 400_000 });

/** Clients that count for themselves and in their room, all the while. */
class Conversation {
  readonly #listeners: readonly Listener[];
  readonly #timer: NodeJS.Timeout;
  #said = 0;

  constructor(members: ReadonlyMap<string, TestClient>) {
    const names = [...members.keys()];
    this.#listeners = Array.from(members.values(), (client) => new Listener(client, names));
    this.#timer = setInterval(() => this.#say(), 20);
    onTestFinished(() => clearInterval(this.#timer));
  }

  /** Resolves once everybody has had an answer to what is said from now on. */
  async goesOn(): Promise<void> {
    const said = this.#said + 1;
    await this.#untilHeard(() => said);
  }

  /** Ends it; throws unless everybody is still there and has heard everything once. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#untilHeard(() => this.#said);
    for (const { client } of this.#listeners) expect(client.isOpen).toBe(true);
  }

  async #untilHeard(number: () => number): Promise<void> {
    const listeners = this.#listeners;
    await eventually(() => listeners.every((each) => each.listen() >= number()), patience);
    expect(listeners.flatMap(({ mistakes }) => mistakes)).toEqual([]);
  }

  #say(): void {
    this.#said += 1;
    for (const { client } of this.#listeners) {
      client.send(`count ${this.#said}`);
      client.send(`room ${this.#said}`);
    }
  }
}

/** What one client hears of a conversation. */
class Listener {
  readonly client: TestClient;
  /** What came twice, or an answer that did not come in its turn. */
  readonly mistakes: string[] = [];
  #counted = 0;
  readonly #heard: Map<string, Heard>;

  constructor(client: TestClient, names: readonly string[]) {
    this.client = client;
    this.#heard = new Map(names.map((name) => [name, { last: 0, early: new Set() }]));
  }

  /** Takes what has come; answers up to which number everything is there. */
  listen(): number {
    const { messages } = this.client;
    const others = messages.splice(0).filter((message) => !this.#take(String(message)));
    messages.push(...others);
    return Math.min(this.#counted, ...Array.from(this.#heard.values(), ({ last }) => last));
  }

  #take(message: string): boolean {
    const [word, first = '', second] = message.split(' ');
    if (word === 'count') this.#takeCount(message, Number(first), Number(second));
    else if (word === 'room') this.#takeRoom(message, this.#heard.get(first), Number(second));
    else return false;
    return true;
  }

  /** An answer tells the number before too, which the session has kept. */
  #takeCount(message: string, before: number, number: number): void {
    const last = this.#counted;
    if (before !== last || number !== last + 1) this.mistakes.push(`${message} after ${last}`);
    this.#counted = number;
  }

  /**
   * Where the speaker is on another gateway, what its old worker and its new one send comes by two links,
   * and may be read in another order: all of it, and nothing twice, is what counts.
   */
  #takeRoom(message: string, heard: Heard | undefined, number: number): void {
    // Of another conversation.
    if (heard === undefined) return;
    if (number <= heard.last || heard.early.has(number)) this.mistakes.push(`${message} again`);
    heard.early.add(number);
    while (heard.early.delete(heard.last + 1)) heard.last += 1;
  }
}

/** The numbers of one member that have come. */
interface Heard {
  /** All up to this one. */
  last: number;
  /** Others. */
  readonly early: Set<number>;
}

async function enterAll(
  daemon: TalkingDaemon,
  names: readonly string[],
): Promise<Map<string, TestClient>> {
  const members = new Map<string, TestClient>();
  for (const name of names) members.set(name, await daemon.enter(name));
  return members;
}

/** Kills the master, and resolves with the pid of the next one once all its processes are ready. */
async function killMaster(daemon: TalkingDaemon): Promise<number> {
  const killed = daemon.masterPid();
  process.kill(killed, 'SIGKILL');
  return await untilHealed(daemon, killed);
}

async function untilHealed(daemon: TalkingDaemon, killed: number): Promise<number> {
  const [master] = await eventually(async () => {
    const processes = await daemon.status();
    const own = processes.filter(({ state }) => state !== 'leaving' && state !== 'stopping');
    return processes[0]?.pid !== killed && own.length === 6 && areReady(own) && processes;
  }, patience);
  if (typeof master?.pid !== 'number') throw new Error('there is no master');
  return master.pid;
}

function areReady(processes: readonly ProcessStatus[]): boolean {
  return processes.every(({ state }) => state === 'ready');
}

function pidsOf(processes: readonly ProcessStatus[]): number[] {
  return processes.flatMap(({ pid }) => (pid === null ? [] : [pid]));
}

function leavingOf(processes: readonly ProcessStatus[], name: string): ProcessStatus[] {
  return processes.filter((row) => row.name === name && row.state === 'leaving');
}

/** Sends to every uid and to the room, and resolves once everybody has it. */
async function talk(speaker: TestClient, name: string, members: Map<string, TestClient>) {
  for (const uid of members.keys()) speaker.send(`uid ${uid} hello`);
  speaker.send('hail');
  for (const client of members.values()) {
    await eventually(() => client.messages.includes(`uid ${name} hello`), patience);
    await eventually(() => client.messages.includes(`hail ${name}`), patience);
  }
}

async function stopAll(daemon: TalkingDaemon): Promise<void> {
  await daemon.status().catch(() => []);
  expect(await daemon.command('stop')).toMatchObject({ exitCode: 0, stderr: '' });
  await expectNothingLeft(daemon);
}

async function expectNothingLeft(daemon: TalkingDaemon): Promise<void> {
  expect([...daemon.pids].filter(isAlive)).toEqual([]);
  const left = (await readdir(daemon.folder.path)).filter((name) => /\.(sock|pid)$/.test(name));
  expect(left).toEqual([]);
}

test('kill -9 of the master: nobody is disconnected, nothing is lost, and new clients come soon', async () => {
  const daemon = await startTalkingDaemon();
  const before = await daemon.status();
  const members = await enterAll(daemon, ['ann', 'bob', 'cid', 'dan']);
  const conversation = new Conversation(members);
  await conversation.goesOn();

  const killed = daemon.masterPid();
  process.kill(killed, 'SIGKILL');
  const killedAt = performance.now();
  const eve = await daemon.enter('eve');
  const servedMs = Math.round(performance.now() - killedAt);
  process.stdout.write(`a new client was served ${servedMs} ms after the master was killed\n`);
  const master = await untilHealed(daemon, killed);
  expect(master).not.toBe(killed);
  expect(daemon.masterPid()).toBe(master);

  // The workers of before hand their clients over and go; the gateways of before keep theirs.
  const old = before.filter(({ role }) => role === 'business-worker' || role === 'worker');
  await eventually(() => !pidsOf(old).some(isAlive), patience);
  await conversation.goesOn();
  const processes = await daemon.status();
  const oldGateways = pidsOf(before.filter(({ name }) => name === 'gate'));
  const leaving = leavingOf(processes, 'gate');
  expect(pidsOf(leaving).sort()).toEqual(oldGateways.sort());
  expect((await daemon.command('status')).stdout.match(/\[leaving\]/g)).toHaveLength(2);
  expect(daemon.log()).toMatch(/"taken":\d+,"port":\d+,"msg":"an earlier process still has/);
  const { connections } = JSON.parse((await daemon.command('connections', '--json')).stdout);
  expect(connections.map(({ uid }: { uid: string }) => uid).sort()).toEqual(
    ['ann', 'bob', 'cid', 'dan', 'eve'].sort(),
  );

  members.get('ann')?.send('uid eve hi');
  await eventually(() => eve.messages.includes('uid ann hi'), patience);
  await talk(eve, 'eve', members);

  const reload = await daemon.command('reload');
  expect(reload).toMatchObject({ exitCode: 0, stderr: '' });
  await daemon.status();
  await conversation.goesOn();
  await conversation.end();

  // A gateway of before ends with its last client.
  for (const client of members.values()) await client.close();
  await eventually(() => !oldGateways.some(isAlive), patience);
  expect(eve.isOpen).toBe(true);
  await stopAll(daemon);
});

test('kill -9 of the master twice: clients of all generations stay, and stop ends everything', async () => {
  const daemon = await startTalkingDaemon();
  const members = await enterAll(daemon, ['ann', 'bob']);
  const conversation = new Conversation(members);
  const first = await killMaster(daemon);
  const later = await enterAll(daemon, ['cid', 'dan']);
  const laterConversation = new Conversation(later);
  const second = await killMaster(daemon);
  expect(second).not.toBe(first);
  const eve = await daemon.enter('eve');
  await talk(eve, 'eve', new Map([...members, ...later]));
  await conversation.goesOn();
  await laterConversation.goesOn();
  expect(leavingOf(await daemon.status(), 'gate')).toHaveLength(4);
  const drain = daemon.command('drain', 'gate#0', '--over', '0.1');
  await expect(drain).resolves.toMatchObject({ exitCode: 0 });
  // One process of each generation, with one client of each.
  const all = [...members.values(), ...later.values()];
  await eventually(() => all.filter(({ isOpen }) => isOpen).length === 2, patience);
  await stopAll(daemon);
  await Promise.all(all.map((client) => client.ended));
});

test('kill -9 of the keeper: another one is there, and the master is kept as before', async () => {
  const daemon = await startTalkingDaemon();
  const members = await enterAll(daemon, ['ann', 'bob']);
  const conversation = new Conversation(members);
  const keeper = daemon.keeperPid() ?? 0;
  expect(isAlive(keeper)).toBe(true);
  process.kill(keeper, 'SIGKILL');
  const next = await eventually(() => {
    const pid = daemon.keeperPid();
    return pid === keeper ? undefined : pid;
  }, patience);
  await eventually(() => daemon.log().includes('the keeper of the master ended (SIGKILL)'));
  await killMaster(daemon);
  expect(isAlive(next)).toBe(false);
  await conversation.goesOn();
  await conversation.end();
  await stopAll(daemon);
});

test('kill -9 of master and keeper at once: the others end by themselves, after a while', async () => {
  const daemon = await startTalkingDaemon();
  const members = await enterAll(daemon, ['ann', 'bob']);
  const conversation = new Conversation(members);
  await conversation.goesOn();
  const killed = [daemon.keeperPid() ?? 0, daemon.masterPid()];
  for (const pid of killed) process.kill(pid, 'SIGKILL');
  const killedAt = performance.now();
  await conversation.goesOn();
  await Promise.all([...members.values()].map((client) => client.ended));
  await eventually(() => [...daemon.pids].filter(isAlive).length === 0, { timeoutMs: 15_000 });
  const livedMs = performance.now() - killedAt;
  expect(livedMs).toBeGreaterThan(9_000);
  expect(daemon.log()).toContain('no master has come: stopping');
  expect((await daemon.command('status')).stderr).toMatch(/^start\.js is not running \(removed /);
  expect((await daemon.command('stop')).stderr).toBe('start.js is not running\n');
});

test('stop ends what a master and a keeper that were killed have left behind', async () => {
  const daemon = await startTalkingDaemon();
  const ann = await daemon.enter('ann');
  for (const pid of [daemon.keeperPid() ?? 0, daemon.masterPid()]) process.kill(pid, 'SIGKILL');
  const stop = await daemon.command('stop');
  expect(stop).toMatchObject({ exitCode: 0, stderr: '' });
  await expectNothingLeft(daemon);
  expect((await ann.ended).code).toBe(1001);
});

test('a master that cannot start is tried again with pauses, until it can; commands say so', async () => {
  const daemon = await startTalkingDaemon();
  const members = await enterAll(daemon, ['ann', 'bob']);
  const conversation = new Conversation(members);
  const broken = await daemon.folder.write('broken', '');
  const killed = daemon.masterPid();
  process.kill(killed, 'SIGKILL');
  await eventually(() => daemon.log().includes('it is started again in 1000 ms'), patience);
  await rm(broken);
  await untilHealed(daemon, killed);
  await conversation.goesOn();
  await conversation.end();

  await daemon.folder.write('broken', '');
  process.kill(daemon.masterPid(), 'SIGKILL');
  expect(await daemon.command('status')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: `the master of start.js was killed and is being started again; see ${daemon.folder.path}/start.log\n`,
  });
  await stopAll(daemon);
  expect(members.get('ann')?.isOpen).toBe(false);
});

test('a start beside the keeper: one of them wins, and there is one master', async () => {
  const daemon = await startTalkingDaemon();
  const ann = await daemon.enter('ann');
  const killed = daemon.masterPid();
  process.kill(killed, 'SIGKILL');
  const start = await daemon.command('start', '-d');
  if (start.exitCode === 0) expect(start.stdout).toContain('Running in the background.');
  else expect(start.stderr).toMatch(/already running|being started already/);
  await untilHealed(daemon, killed);
  ann.send('who');
  await eventually(() => ann.messages.some((text) => String(text).startsWith('who ')), patience);
  expect(ann.isOpen).toBe(true);
  await stopAll(daemon);
});
