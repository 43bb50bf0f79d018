import { fileURLToPath } from 'node:url';
import Database from 'libsql';

const { REMINDERS_FILE = fileURLToPath(new URL('./reminders.db', import.meta.url)) } = process.env;

/** One file for all workers. Calls are synchronous and usually take less than a millisecond. */
const database = new Database(REMINDERS_FILE);
// How long a write waits for the write of another worker, in milliseconds.
database.pragma('busy_timeout = 2000');
database.exec('CREATE TABLE IF NOT EXISTS reminders (uid TEXT, text TEXT, due_at INTEGER)');

export function addReminder(uid: string, text: string, dueAt: number): void {
  database.prepare('INSERT INTO reminders VALUES (?, ?, ?)').run(uid, text, dueAt);
}

export function findDueUids(now: number): string[] {
  const find = database.prepare('SELECT DISTINCT uid FROM reminders WHERE due_at <= ?');
  return find.pluck().all(now).map(String);
}

/** Removes and returns the due reminders. One statement: no other process gets the same reminders. */
export function takeDue(uid: string, now: number): string[] {
  const take = database.prepare(
    'DELETE FROM reminders WHERE uid = ? AND due_at <= ? RETURNING text',
  );
  return take.pluck().all(uid, now).map(String);
}

export function closeReminders(): void {
  database.close();
}
