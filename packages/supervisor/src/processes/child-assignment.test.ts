import { expect, test } from 'vitest';
import { parseChildAssignment } from './child-assignment.ts';

const assignment = {
  declaration: 1,
  role: 'gateway',
  name: 'chat',
  id: 0,
  logFile: '/var/log/chat.log',
  logToStdout: true,
  logLevel: 'warn',
  stopTimeoutMs: 2_000,
  pidFile: '/srv/chat.pid',
  onMasterExit: 'keep',
  isSuccessor: true,
  isOutputDetached: false,
};

test('child assignment: is parsed back unchanged', () => {
  expect(parseChildAssignment(JSON.stringify(assignment))).toEqual(assignment);
});

test('child assignment: other text is rejected', () => {
  const { id: _, ...withoutId } = assignment;
  const unknown = JSON.stringify({ ...assignment, role: 'butler' });
  const texts = ['', 'gateway', 'null', '{}', JSON.stringify(withoutId), unknown];
  expect(texts.map(parseChildAssignment).filter(Boolean)).toEqual([]);
});
