import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Message } from '@gatewayworker/protocol';

/** Bytes of the random number that each side of a link contributes. */
export const NONCE_BYTES = 32;

/**
 * Secret that every process of a cluster shares. Two peers with lists of keys need one key in common, so a key can be
 * changed while the cluster runs: each process first gets both the new and the old key, and later only the new one.
 */
export type SecretKey = string | readonly string[];

/** The side that proves. It is part of the signed text, so a peer cannot send a proof back to the side that made it. */
export type Prover = 'dialer' | 'acceptor';

/** The messages that both sides have exchanged before the proofs. */
export interface Transcript {
  readonly hello: Message<'hello'>;
  readonly challenge: Message<'challenge'>;
}

/**
 * Computes a proof of the secret key that does not reveal it: HMAC-SHA-256 over all fields of the transcript,
 * including both nonces.
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
  // JSON separates the parts unambiguously for any content.
  return createHmac('sha256', secretKey).update(JSON.stringify(parts)).digest();
}

/** Maximum number of keys that a process has at the same time. */
export const MAX_KEYS = 8;

/** The keys of a process, at least one. */
export function listKeys(secretKey: SecretKey): readonly string[] {
  return typeof secretKey === 'string' ? [secretKey] : secretKey;
}

/**
 * Finds the key that one of the proofs was made with. Each key of this process is tried with each proof.
 *
 * @returns `undefined` when no key matches
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
