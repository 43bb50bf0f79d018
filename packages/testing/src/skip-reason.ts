import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { whyNoNetworkNamespaces } from './network-namespaces.ts';
import { postgresFolder } from './postgres-folder.ts';

/**
 * What some machines lack: network namespaces, a file system in memory that only some processes see (`tmpfs`), a
 * program, or for `systemd` that which boots containers.
 */
export type Requirement =
  | 'netns'
  | 'etcd'
  | 'nginx'
  | 'haproxy'
  | 'pm2'
  | 'postgres'
  | 'prlimit'
  | 'redis-server'
  | 'systemd'
  | 'systemd-analyze'
  | 'tmpfs';

/**
 * Tells why tests that need something are skipped on this machine, and prints it once.
 *
 * @returns such as ` (skipped: etcd is not installed)`, to stand behind a title; empty where nothing is missing
 * @throws when it is missing though GATEWAYWORKER_REQUIRE, a list such as `netns,etcd`, names it
 */
export function skipReason(requirement: Requirement): string {
  const why = whyMissing(requirement);
  if (why === undefined) return '';
  if (isRequired(requirement)) {
    throw new Error(`GATEWAYWORKER_REQUIRE names ${requirement}, but ${why}`);
  }
  process.stderr.write(`tests that need ${requirement} are skipped: ${why}\n`);
  return ` (skipped: ${why})`;
}

/** Tells whether this machine must have something: GATEWAYWORKER_REQUIRE, a list such as `netns,etcd`, names it. */
export function isRequired(requirement: Requirement): boolean {
  const required = (process.env['GATEWAYWORKER_REQUIRE'] ?? '').split(',');
  return required.some((name) => name.trim() === requirement);
}

function whyMissing(requirement: Requirement): string | undefined {
  if (requirement === 'netns') return whyNoNetworkNamespaces();
  if (requirement === 'tmpfs') return whyNoTmpfs();
  return whyNoProgram(requirement);
}

function whyNoTmpfs(): string | undefined {
  if (process.platform !== 'linux') return 'mount namespaces are a thing of Linux';
  if (process.getuid?.() !== 0) return 'a tmpfs needs root';
  const mount = ['mount', '-t', 'tmpfs', 'tmpfs', '/tmp'];
  const { status, stderr } = spawnSync('unshare', ['--mount', ...mount], { encoding: 'utf8' });
  return status === 0 ? undefined : `a tmpfs cannot be mounted here (${(stderr ?? '').trim()})`;
}

function whyNoProgram(name: Requirement): string | undefined {
  const program = name === 'systemd' ? 'systemd-nspawn' : name;
  const installed = name === 'postgres' ? postgresFolder() !== undefined : isInPath(program);
  return installed ? undefined : `${program} is not installed`;
}

function isInPath(name: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, name)));
}
