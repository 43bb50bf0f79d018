import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase } from './open-database.ts';

test('openDatabase: creates a folder and files that only the owner can read', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'im-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const mask = process.umask(0o022);
  onTestFinished(() => void process.umask(mask));
  const dataFolder = join(parent, 'data');
  const db = await openDatabase({ databaseUrl: '', dataFolder });
  onTestFinished(() => db.destroy());
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  const files = readdirSync(dataFolder).sort();
  expect(files).toEqual(['im.db', 'im.db-shm', 'im.db-wal']);
  expect(mode(dataFolder)).toBe('700');
  for (const file of files) expect([file, mode(join(dataFolder, file))]).toEqual([file, '600']);
});
