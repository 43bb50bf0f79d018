// This module runs before all others, so it imports none and uses no syntax that old versions cannot parse.

/**
 * Describes in one sentence why a runtime is refused; `undefined` when it is supported.
 *
 * @param versions - `process.versions`
 */
export function refuseRuntime(versions: {
  readonly [name: string]: string | undefined;
}): string | undefined {
  const needed = 'gatewayworker needs Node.js 20.19 or newer';
  // Their node:cluster, inspector and child processes differ from those of Node.js.
  if (versions['deno'] !== undefined) return `${needed}; this is Deno ${versions['deno']}`;
  if (versions['bun'] !== undefined) return `${needed}; this is Bun ${versions['bun']}`;
  const node = versions['node'] ?? 'unknown';
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isSupported = major > 20 || (major === 20 && minor >= 19);
  return isSupported ? undefined : `${needed}; this is Node.js ${node}`;
}

const refusal = refuseRuntime(process.versions);
if (refusal !== undefined) {
  // Not an error: it would be printed with a stack, and child processes could be running by then.
  process.stderr.write(`${refusal}\n`);
  process.exit(1);
}
