/**
 * Reads and deletes a variable that is only for this process: a start file that the application runs must not inherit
 * it, and take itself for a part of this cluster.
 */
export function takeVariable(name: string): string | undefined {
  const value = process.env[name];
  delete process.env[name];
  return value;
}
