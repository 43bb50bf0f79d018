/** A random name for a message: 128 bits, in letters and digits. `crypto.randomUUID` needs a secure context. */
export function createClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
