import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  childPids,
  eventually,
  type NetworkHost,
  repositoryRoot,
  type TemporaryFolder,
  temporaryFolder,
} from '@gatewayworker/testing';

const run = promisify(execFile);

/** Folder of the repository in a machine. Units with ProtectHome and PrivateTmp can read it. */
const repositoryInMachine = '/srv/repository';

/** Folder of the programs of the recipes in a machine. */
export const inMachine = {
  node: '/opt/node',
  cluster: `${repositoryInMachine}/recipes/cluster/dist`,
} as const;

/**
 * A systemd of its own as process 1 of a container, on the network of a host. It has the programs of this
 * machine, and nothing else of it: its `/etc` is what the test writes.
 */
export class SystemdMachine {
  readonly #folder: TemporaryFolder;
  readonly #container: ChildProcess;
  #init = 0;

  private constructor(folder: TemporaryFolder, container: ChildProcess) {
    this.#folder = folder;
    this.#container = container;
  }

  /**
   * Boots, and resolves once systemd answers.
   *
   * @param files - by their paths, such as `etc/systemd/system/x.service`
   */
  static async boot(host: NetworkHost, files: Record<string, string>): Promise<SystemdMachine> {
    const folder = await temporaryFolder('systemd');
    // It is the root folder of all users of the machine.
    await chmod(folder.path, 0o755);
    for (const name of ['usr', 'var', 'run', 'tmp', 'proc', 'sys', 'dev', 'opt', 'srv', 'root']) {
      await mkdir(join(folder.path, name));
    }
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
      await symlink(`usr/${name}`, join(folder.path, name));
    }
    for (const [path, text] of Object.entries(files)) await folder.write(path, text);
    const container = spawn(
      'systemd-nspawn',
      [
        ...['--quiet', '--register=no', '--keep-unit', `--directory=${folder.path}`],
        ...['--bind-ro=/usr', `--bind-ro=${repositoryRoot}:${repositoryInMachine}`],
        ...[`--bind-ro=${process.execPath}:${inMachine.node}`],
        ...[`--network-namespace-path=/run/netns/${host.namespace}`],
        ...['--boot', '--console=pipe', 'systemd.unit=basic.target'],
      ],
      {
        stdio: 'ignore',
        // With cgroup v1 a container is not notified of the end of the last process of a unit.
        env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
      },
    );
    const machine = new SystemdMachine(folder, container);
    try {
      await machine.#untilBooted();
    } catch (error) {
      await machine.dispose();
      throw error;
    }
    return machine;
  }

  /** Runs a program in the machine to its end and resolves with what it printed. */
  async run(program: string, ...args: string[]): Promise<string> {
    const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid'];
    const line = ['-t', String(this.#init), ...namespaces, program, ...args];
    const { stdout } = await run('nsenter', line, { timeout: 120_000 });
    return stdout;
  }

  /** Runs `systemctl` and resolves with what it printed. */
  async systemctl(...args: string[]): Promise<string> {
    try {
      return await this.run('systemctl', ...args);
    } catch (error) {
      const journal = await this.run('journalctl', '--lines=50').catch(String);
      throw new Error(`systemctl ${args.join(' ')} failed:\n${journal}`, { cause: error });
    }
  }

  /** What a property of a unit is now. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.systemctl('show', '--value', '-p', name, unit)).trim();
  }

  /** Ends the container with all that runs in it, and removes its files; for `onTestFinished`. */
  async dispose(): Promise<void> {
    if (this.#container.exitCode === null && this.#container.signalCode === null) {
      const ended = once(this.#container, 'exit');
      // Its process 1 takes every other with it.
      if (this.#init > 0) process.kill(this.#init, 'SIGKILL');
      else this.#container.kill('SIGTERM');
      await ended;
    }
    await this.#folder.dispose();
  }

  async #untilBooted(): Promise<void> {
    await eventually(
      async () => {
        if (this.#container.exitCode !== null) return 'ended';
        [this.#init = 0] = childPids(this.#container.pid ?? 0);
        return this.#init > 0 && (await this.systemctl('is-active', 'basic.target')) === 'active\n';
      },
      { timeoutMs: 40_000, intervalMs: 200 },
    ).then((outcome) => {
      if (outcome === 'ended') throw new Error('the container ended before systemd was up');
    });
  }
}
