import { expect, test } from 'vitest';
import { childFlags } from './child-flags.ts';

test.each([[[]], [['--import', 'tsx']], [['--inspect-port=0']]])(
  'child flags: hide the inspector, with %j',
  (flags) => {
    expect(childFlags(flags, false)).toEqual(['--inspect-publish-uid=stderr', ...flags]);
  },
);

test.each([
  { flags: ['--inspect'], isDebugged: false },
  { flags: ['--inspect-brk=0'], isDebugged: false },
  { flags: ['--inspect-publish-uid=http'], isDebugged: false },
  { flags: [], isDebugged: true },
])('child flags: keep the inspector of the user, $flags $isDebugged', (given) => {
  expect(childFlags(given.flags, given.isDebugged)).toEqual(given.flags);
});
