import nodeProcess from 'node:process';
import {
  type Callee,
  GatewayWorkerError,
  processState,
  withCallerStack,
} from '@gatewayworker/core';
import type { ProcessDeclaration } from '@gatewayworker/supervisor';
import type { PortClaim } from './port-claims.ts';

/** What a constructor such as `new Gateway()` has declared. */
export interface DeclaredProcess extends ProcessDeclaration {
  /** The fixed ports that its processes will listen on. */
  readonly ports: readonly PortClaim[];
}

/** What was declared in this process so far. */
interface Declarations {
  readonly declared: DeclaredProcess[];
  /** True once `run()` was called. */
  isClosed: boolean;
}

// A start file declares by `new Gateway(...)` and then calls `run()` with nothing in hand that could carry the
// list from one to the other, and may import them from two copies of the package.
function declarations(): Declarations {
  return processState('declarations', () => ({ declared: [], isClosed: false }));
}

/**
 * Adds to what `run()` will start; an error of it points to the line that called the constructor.
 *
 * @param declaration - the class whose constructor was called
 * @param describe - checks the options
 * @throws {GW_ERR_PHASE} after `run()`, which would never start it
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
  if (declared.length === 0) nodeProcess.once('beforeExit', reportForgottenRun);
  declared.push(process);
}

/** Nothing runs any more, and nothing was ever started. */
function reportForgottenRun(): void {
  if (declarations().isClosed) return;
  nodeProcess.stderr.write(
    'processes are declared, but run() was not called: nothing is started\n',
  );
  nodeProcess.exitCode = 1;
}

/**
 * Ends the list and answers it, in the order of the declarations.
 *
 * @throws {GW_ERR_PHASE} the second time
 * @throws {GW_ERR_VERSION_MISMATCH} when another version of the package has declared processes
 */
export function takeDeclaredProcesses(): readonly DeclaredProcess[] {
  const state = declarations();
  if (state.isClosed) throw new GatewayWorkerError('GW_ERR_PHASE', 'run() was called twice');
  state.isClosed = true;
  return state.declared;
}
