import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ServerClosure } from './server-closure.ts';

const document = readFileSync(new URL('../../../../docs/close-codes.md', import.meta.url), 'utf8');

test.each(Object.entries(ServerClosure))(
  'docs/close-codes.md: has a row for %s',
  (_, { by, code, reason }) => {
    expect(document).toContain(`\n| ${code} | \`${reason}\` | \`${by}\` |`);
  },
);
