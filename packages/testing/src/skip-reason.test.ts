import { expect, onTestFinished, test, vi } from 'vitest';
import { isRequired, skipReason } from './skip-reason.ts';
import { temporaryFolder } from './temporary-folder.ts';

async function pathWith(...programs: string[]): Promise<string> {
  const folder = await temporaryFolder('programs');
  onTestFinished(folder.dispose);
  for (const program of programs) await folder.write(program, '');
  return folder.path;
}

test('is empty where the program is there', async () => {
  vi.stubEnv('PATH', await pathWith('etcd'));
  vi.stubEnv('GATEWAYWORKER_REQUIRE', 'etcd');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(skipReason('etcd')).toBe('');
});

test('names what is missing, and throws where it is required', async () => {
  vi.stubEnv('PATH', await pathWith());
  vi.stubEnv('GATEWAYWORKER_REQUIRE', 'netns,nginx');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(skipReason('etcd')).toBe(' (skipped: etcd is not installed)');
  vi.stubEnv('GATEWAYWORKER_REQUIRE', 'netns, etcd');
  expect(() => skipReason('etcd')).toThrow(
    'GATEWAYWORKER_REQUIRE names etcd, but etcd is not installed',
  );
});

test('what boots containers is named by its program, and required by the name of systemd', async () => {
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
