import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describeMissingNetworkNamespaces } from './network-namespaces.ts';
import { postgresFolder } from './postgres-folder.ts';

/**
 * What a test needs and a machine may lack: network namespaces, a private file system in memory (`tmpfs`), or a
 * program; for `systemd` the program that boots containers.
 */
export type Requirement =
  | 'netns'
  | 'etcd'
  | 'firefox-esr'
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
 * Describes why tests with a requirement are skipped on this machine, and prints it.
 *
 * @returns a suffix for a title, such as ` (skipped: etcd is not installed)`; empty when nothing is missing
 * @throws when it is missing although GATEWAYWORKER_REQUIRE, a list such as `netns,etcd`, names it
 */
export function skipReason(requirement: Requirement): string {
  const reason = describeMissing(requirement);
  if (reason === undefined) return '';
  if (isRequired(requirement)) {
    throw new Error(`GATEWAYWORKER_REQUIRE names ${requirement}, but ${reason}`);
  }
  process.stderr.write(`tests that need ${requirement} are skipped: ${reason}\n`);
  return ` (skipped: ${reason})`;
}

/** Tells whether GATEWAYWORKER_REQUIRE, a list such as `netns,etcd`, names a requirement. */
export function isRequired(requirement: Requirement): boolean {
  const required = (process.env['GATEWAYWORKER_REQUIRE'] ?? '').split(',');
  return required.some((name) => name.trim() === requirement);
}

function describeMissing(requirement: Requirement): string | undefined {
  if (requirement === 'netns') return describeMissingNetworkNamespaces();
  if (requirement === 'tmpfs') return describeMissingTmpfs();
  return describeMissingProgram(requirement);
}

function describeMissingTmpfs(): string | undefined {
  if (process.platform !== 'linux') return 'mount namespaces need Linux';
  if (process.getuid?.() !== 0) return 'a tmpfs needs root';
  const mount = ['mount', '-t', 'tmpfs', 'tmpfs', '/tmp'];
  const { status, stderr } = spawnSync('unshare', ['--mount', ...mount], { encoding: 'utf8' });
  return status === 0 ? undefined : `a tmpfs cannot be mounted here (${(stderr ?? '').trim()})`;
}

function describeMissingProgram(name: Requirement): string | undefined {
  const program = name === 'systemd' ? 'systemd-nspawn' : name;
  const installed = name === 'postgres' ? postgresFolder() !== undefined : isInPath(program);
  return installed ? undefined : `${program} is not installed`;
}

function isInPath(name: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, name)));
}
