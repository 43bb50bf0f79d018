import nodeProcess from 'node:process';
import {
  type Callee,
  GatewayWorkerError,
  processState,
  withCallerStack,
} from '@gatewayworker/core';
import type { ProcessDeclaration } from '@gatewayworker/supervisor';
import type { PortClaim } from './port-claims.ts';

/** A process declaration, made by a constructor such as `new Gateway()`. */
export interface DeclaredProcess extends ProcessDeclaration {
  /** Fixed ports that its processes will listen on. */
  readonly ports: readonly PortClaim[];
}

/** Declarations of this process so far. */
interface Declarations {
  readonly declared: DeclaredProcess[];
  /** True once `run()` was called. */
  isClosed: boolean;
}

// Module state, because a start file passes nothing from `new Gateway(...)` to `run()`. It is shared by all copies of the
// package, because a start file may import the two from different copies.
function declarations(): Declarations {
  return processState('declarations', () => ({ declared: [], isClosed: false }));
}

/**
 * Adds a declaration for `run()`. The stack of an error begins at the caller of the constructor.
 *
 * @param declaration - class whose constructor was called
 * @param describe - checks the options and creates the declaration
 * @throws {GW_ERR_PHASE} after `run()`
 * @throws {GW_ERR_VERSION_MISMATCH} when another version of the package has declared processes
 */
export function declareProcess(declaration: Callee, describe: () => DeclaredProcess): void {
  withCallerStack(declaration, () => addProcess(describe()));
}

function addProcess(process: DeclaredProcess): void {
  const { declared, isClosed } = declarations();
  if (isClosed) {
    const message = `${process.role} "${process.name}" was declared after run(); declare it before`;
    throw new GatewayWorkerError('GW_ERR_PHASE', message);
  }
  if (declared.length === 0) nodeProcess.once('beforeExit', reportMissingRun);
  declared.push(process);
}

/** Reports at the end of the process that `run()` was not called. */
function reportMissingRun(): void {
  if (declarations().isClosed) return;
  nodeProcess.stderr.write(
    'processes are declared, but run() was not called: nothing is started\n',
  );
  nodeProcess.exitCode = 1;
}

/**
 * Returns all declarations in their order, and closes the list.
 *
 * @throws {GW_ERR_PHASE} on the second call
 * @throws {GW_ERR_VERSION_MISMATCH} when another version of the package has declared processes
 */
export function takeDeclaredProcesses(): readonly DeclaredProcess[] {
  const state = declarations();
  if (state.isClosed) throw new GatewayWorkerError('GW_ERR_PHASE', 'run() was called twice');
  state.isClosed = true;
  return state.declared;
}
