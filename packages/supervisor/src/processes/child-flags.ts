/** Flags with which the user opens an inspector, or chooses how its address is published. */
const inspectorFlag = /^--inspect(?:-brk|-wait|-publish-uid)?(?:=|$)/;

/**
 * Returns the Node.js flags of a child: those of the master, and one that hides the address of an inspector from other
 * users of the machine.
 *
 * The master opens the inspector of a busy child on a loopback port. Its address has a secret part, with which any
 * local user can run code in the child, and Node.js sends that part to every HTTP client of the port. With the flag,
 * Node.js writes it only to the error output of the child.
 *
 * @param flags - of the master
 * @param isDebugged - whether the master has an inspector, by a flag or `NODE_OPTIONS`: a debugger finds the children
 * by HTTP
 */
export function childFlags(flags: readonly string[], isDebugged: boolean): string[] {
  if (isDebugged || flags.some((flag) => inspectorFlag.test(flag))) return [...flags];
  return ['--inspect-publish-uid=stderr', ...flags];
}
