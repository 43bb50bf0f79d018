import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import {
  readClusterSettings,
  readGatewaySettings,
  readRegisterAddress,
  readRegisterSettings,
  readRunSettings,
  readWorkerSettings,
} from './settings.ts';

function writeFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  writeFileSync(file, text);
  return file;
}

test('settings: the defaults are for one machine', () => {
  expect(readRegisterSettings({})).toEqual({ listen: '127.0.0.1:1236' });
  expect(readRegisterAddress({})).toEqual(['127.0.0.1:1236']);
  expect(readWorkerSettings({})).toEqual({ count: 1 });
  expect(readClusterSettings({})).toEqual({ secretKey: '' });
  expect(readGatewaySettings({})).toEqual({
    listen: 'websocket://0.0.0.0:8282',
    count: 1,
    lanIp: '127.0.0.1',
    startPort: 2900,
    innerListen: '',
    trustProxy: false,
    proxyProtocol: false,
  });
  expect(readRunSettings({}, 'gateway')).toEqual({
    readyTimeoutMs: 10_000,
    stopTimeoutMs: 20_000,
    onMasterExit: 'keep',
  });
});

test('settings: an empty variable counts as unset', () => {
  expect(readGatewaySettings({ GW_TRUST_PROXY: '', GW_COUNT: ' ' })).toEqual(
    readGatewaySettings({}),
  );
});

test('settings: commas separate registers and proxies, but not etcd endpoints', () => {
  expect(readRegisterAddress({ GW_REGISTER_ADDRESS: 'a:1236, b:1236' })).toEqual([
    'a:1236',
    'b:1236',
  ]);
  for (const etcd of ['etcd://a:2379,b:2379/chat', 'etcds://user:password@a:2379,b:2379']) {
    expect(readRegisterAddress({ GW_REGISTER_ADDRESS: etcd })).toBe(etcd);
  }
  const { trustProxy } = readGatewaySettings({ GW_TRUST_PROXY: '10.0.0.5,fd00::/8' });
  expect(trustProxy).toEqual(['10.0.0.5', 'fd00::/8']);
  expect(readGatewaySettings({ GW_TRUST_PROXY: 'true' }).trustProxy).toBe(true);
});

test('settings: the file of the secret key has one key per line', () => {
  const GW_SECRET_KEY_FILE = writeFile('new key\n\nold key\n');
  const { secretKey } = readClusterSettings({ GW_SECRET_KEY_FILE, GW_SECRET_KEY: 'ignored' });
  expect(secretKey).toEqual(['new key', 'old key']);
  expect(readClusterSettings({ GW_SECRET_KEY: 'a, b' }).secretKey).toBe('a, b');
  const empty = writeFile('\n');
  expect(() => readClusterSettings({ GW_SECRET_KEY_FILE: empty })).toThrow(/which is empty/);
});

test('settings: TLS of inner links is read from files', () => {
  const file = writeFile('PEM');
  const settings = readClusterSettings({
    GW_INNER_CERT_FILE: file,
    GW_INNER_KEY_FILE: file,
    GW_INNER_CA_FILE: file,
    GW_INNER_SERVERNAME: 'cluster',
  });
  expect(settings.innerTls).toEqual({ cert: 'PEM', key: 'PEM', ca: 'PEM', servername: 'cluster' });
});

test('settings: roles in one folder have separate pid files', () => {
  const variables = { GW_RUN_DIR: '/run/chat', GW_LOG_FILE: '/dev/null', GW_HEALTH: '[::]:9000' };
  expect(readRunSettings(variables, 'worker')).toMatchObject({
    pidFile: '/run/chat/worker.pid',
    logFile: '/dev/null',
    health: '[::]:9000',
  });
});

test.each([
  ['GW_COUNT', 'two', /GW_COUNT is 'two'; allowed: a whole number/],
  ['GW_START_PORT', '-1', /GW_START_PORT is '-1'; allowed: a whole number/],
  ['GW_PROXY_PROTOCOL', 'yes', /GW_PROXY_PROTOCOL is 'yes'; allowed: true or false/],
])('settings: %s of %s is rejected', (variable, value, message) => {
  expect(() => readGatewaySettings({ [variable]: value })).toThrow(message);
});

const recipes = fileURLToPath(new URL('..', import.meta.url));

function variablesIn(path: string): string[] {
  const names = readFileSync(join(recipes, path), 'utf8').match(/\bGW_[A-Z_]+\b/g) ?? [];
  return [...new Set(names)].sort();
}

test('settings: recipes set only known variables, and the README describes all', () => {
  const known = variablesIn('cluster/settings.ts');
  expect(variablesIn('cluster/README.md')).toEqual(known);
  const files = readdirSync(recipes, { recursive: true, encoding: 'utf8' });
  const recipeFiles = files.filter((path) => /^(?!cluster).*\/(?!secret-key).*\w$/.test(path));
  const unknown = recipeFiles.flatMap((path) =>
    variablesIn(path)
      .filter((name) => !known.includes(name))
      .map((name) => `${path}: ${name}`),
  );
  expect(recipeFiles).toContain('systemd/cluster.env');
  expect(unknown).toEqual([]);
});
