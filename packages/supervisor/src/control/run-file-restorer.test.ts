import { captureLogger, eventually, temporaryFolder } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { RunFileRestorer } from './run-file-restorer.ts';

test('run files: a replaced file is restored, and a failure is logged once', async () => {
  const folder = await temporaryFolder('run-files');
  onTestFinished(folder.dispose);
  const path = await folder.write('log', '');
  const { logger, lines } = captureLogger();
  let attempts = 0;
  let isLost = true;
  const file = {
    path,
    folder: folder.path,
    isLost: () => isLost,
    restore() {
      attempts += 1;
      if (attempts <= 3) throw new Error('access denied');
      isLost = false;
    },
  };
  const restorer = new RunFileRestorer([file], logger);
  onTestFinished(() => restorer.close());
  await eventually(() => !isLost);
  await eventually(() => lines.length === 2);
  expect(lines).toMatchObject([
    { level: 50, msg: `cannot write ${path} again` },
    { level: 30, path, msg: 'restored a file that was removed or replaced' },
  ]);
});
