import { packValue } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { assertDecision } from './handshake-decision.ts';

const accepted = {
  isAccepted: true,
  status: 101,
  reason: '',
  uid: 'anna',
  session: packValue({ name: 'Anna' }),
  groups: ['g'],
};
const refused = {
  isAccepted: false,
  status: 403,
  reason: 'no',
  uid: undefined,
  session: undefined,
  groups: [],
};

test('handshake decision: accepts valid decisions', () => {
  for (const decision of [accepted, { ...accepted, uid: undefined, session: undefined }, refused]) {
    expect(() => assertDecision(decision)).not.toThrow();
  }
});

test.each([
  ['a session that is not msgpack', { ...accepted, session: Buffer.of(0x81) }, 'FRAME_MALFORMED'],
  ['a session that is not an object', { ...accepted, session: packValue([1]) }, 'SESSION_INVALID'],
  [
    'a session of more than 1 MiB',
    { ...accepted, session: packValue({ a: 'x'.repeat(1024 * 1024) }) },
    'SESSION_INVALID',
  ],
  ['an empty uid', { ...accepted, uid: '' }, 'FRAME_MALFORMED'],
  ['an empty group', { ...accepted, groups: ['g', ''] }, 'FRAME_MALFORMED'],
  ['a uid of 65,536 bytes', { ...accepted, uid: 'é'.repeat(32_768) }, 'FRAME_MALFORMED'],
  ['a group of 65,536 bytes', { ...accepted, groups: ['x'.repeat(65_536)] }, 'FRAME_MALFORMED'],
  ['a reason of 1,025 characters', { ...refused, reason: 'x'.repeat(1025) }, 'FRAME_MALFORMED'],
  ['a refusal with the status of an upgrade', { ...refused, status: 101 }, 'FRAME_MALFORMED'],
  ['a refusal with the status 600', { ...refused, status: 600 }, 'FRAME_MALFORMED'],
])('handshake decision: refuses %s', (_what, decision, code) => {
  expect(() => assertDecision(decision)).toThrow(
    expect.objectContaining({ code: `GW_ERR_${code}` }),
  );
});
