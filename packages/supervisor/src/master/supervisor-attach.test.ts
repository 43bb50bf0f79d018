import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import {
  createLogger,
  DescriptorReserve,
  emptyRoleStatus,
  GatewayWorkerError,
  Guard,
} from '@gatewayworker/core';
import { temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import {
  CHILD_PROTOCOL,
  ChildCommand,
  OnMasterExit,
  parseChildOrder,
} from '../control/child-protocol.ts';
import { childSocketPath, slotKey } from '../control/child-socket.ts';
import { ControlServer } from '../control/control-server.ts';
import { createRunDirectory } from '../control/run-directory.ts';
import { resolveRunOptions } from '../options.ts';
import { type ProcessDeclaration, Role } from '../process-declaration.ts';
import { hashDeclaration } from '../processes/declaration-hash.ts';
import { Supervisor } from './supervisor.ts';

const declaration: ProcessDeclaration = {
  ...{ role: Role.worker, name: 'web', count: 1, listen: '', options: { name: 'web' } },
  createRuntime: () => Promise.reject(new Error('no runtime in this test')),
};

/** A process of an earlier master: the pid of a real program, and a control socket served by this test. */
class Orphan {
  readonly program: ChildProcess = spawn('sleep', ['60']);
  readonly orders: string[] = [];

  async listen(
    pidFile: string,
    identity: object,
    onAttach: () => Promise<void> = async () => undefined,
  ): Promise<void> {
    onTestFinished(() => void this.program.kill('SIGKILL'));
    const pid = this.program.pid ?? 0;
    const server = new ControlServer(childSocketPath(pidFile, slotKey('worker', 'web', 0), pid), {
      parseOrder: parseChildOrder,
      onOrder: async (order, sendPart, closed) => {
        this.orders.push(order.command);
        if (order.command === ChildCommand.identify) {
          return {
            ...{ protocol: CHILD_PROTOCOL, version: '1.0.0', role: 'worker', name: 'web', id: 0 },
            ...{ pid, declarationHash: hashDeclaration(declaration), livedMs: 1, state: 'ready' },
            ...identity,
          };
        }
        if (order.command === ChildCommand.attach) {
          await onAttach();
          await sendPart({ event: 'attached' });
          const figures = { memory: 1, qps: 0, eventLoopLagMs: 0, droppedLines: 0 };
          await sendPart({ event: 'ready', report: { ...emptyRoleStatus, ...figures } });
          await closed;
        }
        return null;
      },
    });
    await server.tryListen();
    this.program.once('exit', () => void server.close());
    onTestFinished(() => server.close());
  }
}

async function prepare(): Promise<{ supervisor: Supervisor; pidFile: string }> {
  const folder = await temporaryFolder('attach');
  onTestFinished(folder.dispose);
  // The start file of every new process, which fails.
  const startFile = await folder.write('start.cjs', 'process.exit(7);\n');
  const options = resolveRunOptions({ stopTimeoutMs: 2_000, readyTimeoutMs: 5_000 }, startFile);
  const logger = createLogger({ stdout: false });
  const descriptors = new DescriptorReserve(logger);
  onTestFinished(() => descriptors.close());
  const supervisor = new Supervisor([declaration], {
    ...options,
    ...{ onMasterExit: OnMasterExit.keep, version: '1.0.0', env: process.env },
    ...{
      logger,
      descriptors,
      guard: new Guard(logger),
      logToStdout: false,
      printChildOutput: () => {},
    },
  });
  onTestFinished(() => supervisor.kill());
  return { supervisor, pidFile: options.pidFile };
}

test('attach: keeps a process of another version with the same protocol, and warns', async () => {
  const { supervisor, pidFile } = await prepare();
  const orphan = new Orphan();
  await orphan.listen(pidFile, { version: '0.9.0' });
  await supervisor.attach();
  await supervisor.start();
  expect(supervisor.warnings).toEqual([
    expect.stringMatching(
      /^web #0 \(pid \d+\) runs version 0\.9\.0, this master 1\.0\.0\. It is kept/,
    ),
  ]);
  const [row] = await supervisor.status();
  expect(row?.pid).toBe(orphan.program.pid);
  expect(orphan.orders).toContain('attach');
});

test('attach: a process with another protocol is stopped and replaced', async () => {
  const { supervisor, pidFile } = await prepare();
  const orphan = new Orphan();
  const ended = once(orphan.program, 'exit');
  await orphan.listen(pidFile, { protocol: CHILD_PROTOCOL + 1, version: '9.0.0' });
  await supervisor.attach();
  expect(supervisor.warnings[0]).toMatch(/runs version 9\.0\.0, .*Their control protocols differ/);
  // The successor runs the start file above and fails, so the predecessor stays.
  await supervisor.start();
  expect(supervisor.failures[0]).toMatch(/^worker "web" #0 was not replaced/);
  expect(orphan.orders).not.toContain('attach');
  await supervisor.stop(true);
  expect((await ended)[1]).toBe('SIGTERM');
});

test('attach: a process of a running master is an error with the pid of that master', async () => {
  const { supervisor, pidFile } = await prepare();
  const orphan = new Orphan();
  await orphan.listen(pidFile, {}, () => {
    const message = 'worker "web" #0 belongs to the master 4711, which is connected to it';
    return Promise.reject(new GatewayWorkerError('GW_ERR_CLUSTER_ALREADY_RUNNING', message));
  });
  await expect(supervisor.attach()).rejects.toMatchObject({
    code: 'GW_ERR_CLUSTER_ALREADY_RUNNING',
    message: expect.stringContaining('belongs to the master 4711'),
  });
});

test('attach: the socket of an ended process is removed', async () => {
  const { supervisor, pidFile } = await prepare();
  const path = childSocketPath(pidFile, slotKey('worker', 'web', 0), 999_999);
  createRunDirectory(path);
  writeFileSync(path, '');
  await supervisor.attach();
  expect(supervisor.attached).toBe(0);
  expect(() => rmSync(path)).toThrow('ENOENT');
});
