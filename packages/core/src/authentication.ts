import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Challenge, Hello } from '@gatewayworker/protocol';

/** Bytes of the random number that each side of a link contributes. */
export const NONCE_BYTES = 32;

/**
 * Secret that every process of a cluster shares. Of several, any that both peers have is enough, so that
 * a key can be changed while the cluster runs: first each process gets the new one beside the old, then
 * the new one alone.
 */
export type SecretKey = string | readonly string[];

/** Who proves: its name is part of what is signed, so that a proof cannot be sent back to its maker. */
export type Prover = 'dialer' | 'acceptor';

/** What both sides know of each other before either has proved anything. */
export interface Transcript {
  readonly hello: Hello;
  readonly challenge: Challenge;
}

/**
 * Proves knowledge of the secret key without sending it: HMAC-SHA-256 over everything both sides
 * said, their nonces included.
 *
 * @returns 32 bytes
 */
export function computeProof(secretKey: string, prover: Prover, transcript: Transcript): Buffer {
  const { hello, challenge } = transcript;
  const parts = [
    'gatewayworker',
    prover,
    ...[hello.version, hello.role, hello.instanceId, hello.name, hello.id, toHex(hello.nonce)],
    ...[challenge.version, challenge.role, challenge.instanceId, toHex(challenge.nonce)],
  ];
  // JSON separates the parts unambiguously, whatever they contain.
  return createHmac('sha256', secretKey).update(JSON.stringify(parts)).digest();
}

/** Keys that a process may have at a time. */
export const MAX_KEYS = 8;

/** The keys of a process; there is at least one. */
export function listKeys(secretKey: SecretKey): readonly string[] {
  return typeof secretKey === 'string' ? [secretKey] : secretKey;
}

/**
 * Finds the key by which one of the proofs was made, trying each key of this process with each proof.
 *
 * @returns `undefined` when none fits
 */
export function findProvenKey(
  secretKey: SecretKey,
  prover: Prover,
  transcript: Transcript,
  proofs: readonly Uint8Array[],
): string | undefined {
  let found: string | undefined;
  for (const key of listKeys(secretKey)) {
    const expected = computeProof(key, prover, transcript);
    for (const proof of proofs) if (isSame(proof, expected)) found = key;
  }
  return found;
}

/** Checks a proof in constant time. */
export function verifyProof(
  secretKey: string,
  prover: Prover,
  transcript: Transcript,
  proof: Uint8Array,
): boolean {
  return isSame(proof, computeProof(secretKey, prover, transcript));
}

function isSame(proof: Uint8Array, expected: Uint8Array): boolean {
  return proof.byteLength === expected.byteLength && timingSafeEqual(proof, expected);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
