/** Returns 128 random bits in hexadecimal. `crypto.randomUUID` is not available without HTTPS. */
export function createClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
