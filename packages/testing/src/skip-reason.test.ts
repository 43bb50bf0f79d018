import { expect, onTestFinished, test, vi } from 'vitest';
import { isRequired, skipReason } from './skip-reason.ts';
import { temporaryFolder } from './temporary-folder.ts';

async function pathWith(...programs: string[]): Promise<string> {
  const folder = await temporaryFolder('programs');
  onTestFinished(folder.dispose);
  for (const program of programs) await folder.write(program, '');
  return folder.path;
}

test('skip reason: is empty when the program is installed', async () => {
  vi.stubEnv('PATH', await pathWith('etcd'));
  vi.stubEnv('GATEWAYWORKER_REQUIRE', 'etcd');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(skipReason('etcd')).toBe('');
});

test('skip reason: names the missing program, and throws if it is required', async () => {
  vi.stubEnv('PATH', await pathWith());
  vi.stubEnv('GATEWAYWORKER_REQUIRE', 'netns,nginx');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(skipReason('etcd')).toBe(' (skipped: etcd is not installed)');
  vi.stubEnv('GATEWAYWORKER_REQUIRE', 'netns, etcd');
  expect(() => skipReason('etcd')).toThrow(
    'GATEWAYWORKER_REQUIRE names etcd, but etcd is not installed',
  );
});

test('skip reason: systemd means systemd-nspawn', async () => {
  vi.stubEnv('PATH', await pathWith());
  vi.stubEnv('GATEWAYWORKER_REQUIRE', 'netns,systemd-analyze');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(skipReason('systemd')).toBe(' (skipped: systemd-nspawn is not installed)');
  expect(isRequired('systemd')).toBe(false);
  vi.stubEnv('GATEWAYWORKER_REQUIRE', 'netns, systemd');
  expect(isRequired('systemd')).toBe(true);
  expect(() => skipReason('systemd')).toThrow(
    'GATEWAYWORKER_REQUIRE names systemd, but systemd-nspawn is not installed',
  );
});
