/**
 * Reads a variable that is meant for this process alone and takes it away, so that a start file that
 * the application runs from here does not mistake itself for a part of this cluster.
 */
export function takeVariable(name: string): string | undefined {
  const value = process.env[name];
  delete process.env[name];
  return value;
}
