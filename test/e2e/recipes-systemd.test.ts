import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import {
  eventually,
  isRequired,
  Network,
  type NetworkHost,
  skipReason,
  TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { recipePath } from './recipe-hosts.ts';
import { inMachine, SystemdMachine } from './systemd-machine.ts';

const roles = ['register', 'gateway', 'worker'] as const;
/** Clients that stay connected, and how many of them speak ten times a second. */
const MEMBERS = 200;
const SPEAKERS = 2;
const analyzeReason = skipReason('systemd-analyze');
const machineReason = skipReason('netns') || skipReason('systemd');

async function readUnit(role: string): Promise<string> {
  return await readFile(recipePath(`systemd/gatewayworker-${role}.service`), 'utf8');
}

function replaceAll(text: string, replacements: readonly (readonly [string, string])[]): string {
  return replacements.reduce((so, [from, to]) => so.replaceAll(from, to), text);
}

describe.skipIf(analyzeReason !== '')(`units of systemd${analyzeReason}`, () => {
  test.each(roles)('unit of the %s: systemd-analyze has no complaint', async (role) => {
    const folder = await temporaryFolder('units');
    onTestFinished(folder.dispose);
    const unit = (await readUnit(role)).replaceAll('/usr/bin/node', process.execPath);
    const file = await folder.write(`gatewayworker-${role}.service`, unit);
    const verified = await promisify(execFile)('systemd-analyze', ['verify', '--man=no', file]);
    expect(verified).toEqual({ stdout: '', stderr: '' });
  });
});

/** The units of the recipes, on a machine where node and the application stand elsewhere. */
async function machineFiles(): Promise<Record<string, string>> {
  const files: Record<string, string> = {
    'etc/passwd': 'root:x:0:0::/root:/bin/sh\ngatewayworker:x:990:990::/:/bin/false\n',
    'etc/group': 'root:x:0:\ngatewayworker:x:990:\n',
    'etc/os-release': 'ID=test\n',
    'etc/machine-id': '',
    'etc/gatewayworker/secret-key': 'the key of the test\n',
    'etc/gatewayworker/cluster.env': replaceAll(
      await readFile(recipePath('systemd/cluster.env'), 'utf8'),
      [
        ['10.0.0.10', '127.0.0.1'],
        ['10.0.0.11', '127.0.0.1'],
      ],
    ),
  };
  for (const role of roles) {
    files[`etc/systemd/system/gatewayworker-${role}.service`] = replaceAll(await readUnit(role), [
      ['/opt/gatewayworker', inMachine.cluster],
      ['/usr/bin/node', inMachine.node],
      ['--over 30', '--over 1'],
    ]);
  }
  return files;
}

async function boot(): Promise<{ machine: SystemdMachine; host: NetworkHost }> {
  const network = await Network.start(['machine']);
  onTestFinished(() => network.dispose());
  const host = network.host('machine');
  const machine = await SystemdMachine.boot(host, await machineFiles());
  onTestFinished(() => machine.dispose());
  return { machine, host };
}

/** Connects until a worker has sent its welcome. */
async function openWelcomed(host: NetworkHost): Promise<TestClient> {
  return await eventually(
    async () => {
      const createConnection = () => host.connect(8282, '127.0.0.1');
      const client = new TestClient(new WebSocket('ws://machine/', { createConnection }));
      onTestFinished(() => client.terminate());
      const first = await Promise.race([client.next(), client.ended]);
      return typeof first === 'string' && client;
    },
    { timeoutMs: 60_000, intervalMs: 200 },
  );
}

/** Clients of a machine that all receive the numbered messages of some of them, while newcomers connect. */
class MachineLoad {
  readonly #members: readonly TestClient[];
  readonly #newcomers: Promise<string>[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #token = Math.random().toString(36).slice(2);
  #sent = 0;

  private constructor(host: NetworkHost, members: readonly TestClient[]) {
    this.#members = members;
    const say = (): void => {
      for (const [index, speaker] of members.slice(0, SPEAKERS).entries()) {
        speaker.send(`${this.#token} ${index} ${this.#sent}`);
      }
      this.#sent += 1;
    };
    const admit = (): void => void this.#newcomers.push(visit(host));
    this.#timers.push(setInterval(say, 100), setInterval(admit, 50));
    onTestFinished(() => this.#timers.forEach(clearInterval));
  }

  static async start(host: NetworkHost): Promise<MachineLoad> {
    const members: TestClient[] = [];
    while (members.length < MEMBERS) {
      const batch = Array.from({ length: 20 }, () => openWelcomed(host));
      members.push(...(await Promise.all(batch)));
    }
    return new MachineLoad(host, members);
  }

  /** Waits until every member has received ten more rounds. */
  async progress(): Promise<void> {
    const target = this.#sent + 10;
    await this.#received(target);
  }

  /** Stops, and expects that no member was disconnected or missed a message, and no newcomer refused. */
  async end(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#received(this.#sent);
    const expected = Array.from({ length: this.#sent }, (_, number) => String(number));
    for (const member of this.#members) {
      expect(member.isOpen).toBe(true);
      for (let index = 0; index < SPEAKERS; index += 1) {
        expect(this.#heard(member, index)).toEqual(expected);
      }
    }
    const visits = await Promise.all(this.#newcomers);
    expect(visits.filter((visited) => visited !== 'welcome')).toEqual([]);
    expect(visits.length).toBeGreaterThan(10);
    for (const member of this.#members) member.terminate();
  }

  async #received(rounds: number): Promise<void> {
    const has = (member: TestClient) => this.#heard(member, SPEAKERS - 1).length >= rounds;
    await eventually(() => this.#members.every(has), { timeoutMs: 60_000, intervalMs: 200 });
  }

  /** Numbers that a member has received from a speaker, in order. */
  #heard(member: TestClient, speaker: number): string[] {
    const mark = `"text":"${this.#token} ${speaker} `;
    return member.messages.flatMap((message) => {
      const text = String(message);
      const at = text.indexOf(mark);
      return at === -1 ? [] : [text.slice(at + mark.length, text.indexOf('"', at + mark.length))];
    });
  }
}

/** Connects once, and answers the type of the first message, or how the connection ended. */
async function visit(host: NetworkHost): Promise<string> {
  const createConnection = () => host.connect(8282, '127.0.0.1');
  const client = new TestClient(new WebSocket('ws://machine/', { createConnection }));
  const first = await Promise.race([client.next(), client.ended]);
  client.terminate();
  return typeof first === 'string' ? JSON.parse(first).type : JSON.stringify(first);
}

describe.skipIf(machineReason !== '')(`a machine with systemd${machineReason}`, () => {
  test('runs the three units: reloads, restarts a killed process, stops in order', async ({
    skip,
  }) => {
    // Nothing of ours has a part in it: where the kernel lets no container boot there is nothing to test.
    const { machine, host } = await boot().catch((error: unknown) => {
      if (isRequired('systemd')) throw error;
      const why = `systemd does not boot in a container here: ${String(error)}`;
      process.stderr.write(`the units of systemd are not run: ${why}\n`);
      return skip(why);
    });
    const units = roles.map((role) => `gatewayworker-${role}`);
    const [, gateway = '', worker = ''] = units;
    await machine.systemctl('start', ...units);
    const client = await openWelcomed(host);

    await machine.systemctl('reload', worker);
    const reloaded = await machine.run('journalctl', '-o', 'cat', '-u', worker);
    expect(reloaded).toMatch(/worker #1: \d+ -> \d+, ready after/);
    client.send('after the reload');
    expect(await client.nextJson()).toMatchObject({ type: 'said', text: 'after the reload' });

    const load = await MachineLoad.start(host);
    await load.progress();
    for (const unit of [gateway, worker]) {
      const main = await machine.property(unit, 'MainPID');
      await machine.systemctl('kill', '--kill-who=main', '--signal=SIGKILL', unit);
      await eventually(
        async () => {
          const log = await machine.run('journalctl', '-o', 'cat', '-u', unit);
          return /"attached":[1-9]\d*,"msg":"started"/.test(log);
        },
        { timeoutMs: 60_000, intervalMs: 200 },
      );
      expect(await machine.property(unit, 'MainPID')).not.toBe(main);
      expect(await machine.property(unit, 'NRestarts')).toBe('1');
      await load.progress();
    }
    await load.end();
    expect(client.isOpen).toBe(true);
    client.send('after the kills');
    await eventually(() =>
      client.messages.some((text) => String(text).includes('after the kills')),
    );
    const again = client;

    await machine.systemctl('stop', gateway);
    expect(await again.ended).toEqual({ code: 1012, reason: 'retry in 1-5 s' });
    await machine.systemctl('stop', worker);
    await machine.systemctl('stop', ...units);
    for (const unit of units) {
      expect([unit, await machine.property(unit, 'ActiveState')]).toEqual([unit, 'inactive']);
      expect([unit, await machine.property(unit, 'Result')]).toEqual([unit, 'success']);
    }
    const journal = await machine.run('journalctl', '-o', 'cat', '-u', worker);
    expect(journal).toContain('"reason":"SIGQUIT","msg":"stopping gracefully"');
  }, 240_000);
});
