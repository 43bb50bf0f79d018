import fc from 'fast-check';
import { expect, test } from 'vitest';
import { computeProof, NONCE_BYTES, type Transcript, verifyProof } from './authentication.ts';

const transcript: Transcript = {
  hello: {
    type: 'hello',
    version: 1,
    role: 'worker',
    instanceId: 'worker-instance',
    name: 'chat-worker',
    id: 3,
    nonce: Buffer.alloc(NONCE_BYTES, 1),
  },
  challenge: {
    type: 'challenge',
    version: 1,
    role: 'gateway',
    instanceId: 'gateway-instance',
    nonce: Buffer.alloc(NONCE_BYTES, 2),
  },
};

function hexOf(key: string, prover: 'dialer' | 'acceptor', said: Transcript): string {
  return computeProof(key, prover, said).toString('hex');
}

test('proof: the proof of each side is verified', () => {
  for (const prover of ['dialer', 'acceptor'] as const) {
    const proof = computeProof('key', prover, transcript);
    expect(proof).toHaveLength(32);
    expect(verifyProof('key', prover, transcript, proof)).toBe(true);
  }
});

test('proof: the same key and transcript give the same proof', () => {
  expect(hexOf('key', 'dialer', structuredClone(transcript))).toBe(
    hexOf('key', 'dialer', transcript),
  );
});

test('proof: does not change between releases', () => {
  expect(hexOf('key', 'acceptor', transcript)).toBe(
    '9b5215a1000b0777bf2f2a458bfc5cfc3981a135a34d18ebca7624650195052d',
  );
  expect(hexOf('key', 'dialer', transcript)).toBe(
    'b301c975ec36caa4e922ac26632a2a1f77e9336ac33baf8982e8fab96d558043',
  );
});

test('proof: the proof of one side is not valid for the other side', () => {
  const proof = computeProof('key', 'acceptor', transcript);
  expect(verifyProof('key', 'dialer', transcript, proof)).toBe(false);
});

test('proof: another key gives another proof', () => {
  const proof = computeProof('key', 'dialer', transcript);
  for (const key of ['', 'Key', 'key ', 'kez']) {
    expect(verifyProof(key, 'dialer', transcript, proof)).toBe(false);
  }
});

const { hello, challenge } = transcript;
const otherNonce = Buffer.alloc(NONCE_BYTES, 1).fill(9, 31);

test.each<[string, Transcript]>([
  ['version of the dialer', { hello: { ...hello, version: 2 }, challenge }],
  ['role of the dialer', { hello: { ...hello, role: 'client' }, challenge }],
  ['instance of the dialer', { hello: { ...hello, instanceId: 'x' }, challenge }],
  ['name of the dialer', { hello: { ...hello, name: 'x' }, challenge }],
  ['number of the dialer', { hello: { ...hello, id: 4 }, challenge }],
  ['nonce of the dialer', { hello: { ...hello, nonce: otherNonce }, challenge }],
  ['version of the acceptor', { hello, challenge: { ...challenge, version: 2 } }],
  ['role of the acceptor', { hello, challenge: { ...challenge, role: 'register' } }],
  ['instance of the acceptor', { hello, challenge: { ...challenge, instanceId: 'x' } }],
  ['nonce of the acceptor', { hello, challenge: { ...challenge, nonce: otherNonce } }],
])('proof: another %s gives another proof', (_what, changed) => {
  for (const prover of ['dialer', 'acceptor'] as const) {
    const proof = computeProof('key', prover, transcript);
    expect(verifyProof('key', prover, changed, proof)).toBe(false);
  }
});

test('proof: exchanged nonces give another proof', () => {
  const exchanged = {
    hello: { ...hello, nonce: challenge.nonce },
    challenge: { ...challenge, nonce: hello.nonce },
  };
  const proof = computeProof('key', 'dialer', transcript);
  expect(verifyProof('key', 'dialer', exchanged, proof)).toBe(false);
});

test('proof: text moved from one field to the next gives another proof', () => {
  const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\\', '\0', 'é') });
  fc.assert(
    fc.property(field, field, field, field, (instanceId, name, otherId, otherName) => {
      fc.pre(instanceId !== otherId || name !== otherName);
      const one = { hello: { ...hello, instanceId, name }, challenge };
      const other = { hello: { ...hello, instanceId: otherId, name: otherName }, challenge };
      expect(hexOf('key', 'dialer', one)).not.toBe(hexOf('key', 'dialer', other));
    }),
  );
});

test('proof: another length and any changed byte are refused', () => {
  const proof = computeProof('key', 'dialer', transcript);
  const longer = Buffer.concat([proof, Buffer.alloc(1)]);
  for (const wrong of [Buffer.alloc(0), proof.subarray(1), longer, Buffer.alloc(32)]) {
    expect(verifyProof('key', 'dialer', transcript, wrong)).toBe(false);
  }
  for (let i = 0; i < proof.length; i++) {
    const changed = Buffer.from(proof);
    changed.writeUInt8(proof.readUInt8(i) ^ 1, i);
    expect(verifyProof('key', 'dialer', transcript, changed)).toBe(false);
  }
});
