export { type ChildAssignment, childVariable, parseChildAssignment } from './child-assignment.ts';
export { runChildProcess } from './child-process.ts';
export { OnMasterExit } from './child-protocol.ts';
export { type ConnectionRow, formatConnections } from './connection-report.ts';
export type { DrainStep, UndrainStep } from './drain.ts';
export {
  formatHealth,
  type HealthReport,
  type ProcessHealth,
  selectHealth,
} from './health-report.ts';
export { assertLogFile } from './log-file.ts';
export { alreadyRunning, isAlreadyRunning, Master, type MasterOptions } from './master.ts';
export {
  findMaster,
  requestConnections,
  requestDrain,
  requestHealth,
  requestLeave,
  requestReload,
  requestStatus,
  requestStop,
  requestUndrain,
} from './master-client.ts';
export {
  healthAddress,
  type ResolvedRunOptions,
  type RunOptions,
  resolveRunOptions,
  runDefaults,
} from './options.ts';
export {
  readOrphanConnections,
  readOrphanHealth,
  readOrphanStatus,
  stopOrphans,
} from './orphans.ts';
export { assertPidFile, isDiskFull, readPidFile, removePidFile } from './pid-file.ts';
export { type ProcessContext, type ProcessDeclaration, Role } from './process-declaration.ts';
export { ProcessFailedError } from './process-failed-error.ts';
export { formatReloadStep, ReloadKind, type ReloadStep } from './reload.ts';
export { keepRunDirectory, mayBeRestored } from './run-directory.ts';
export { formatStart, type StartReport, type StartRow } from './start-report.ts';
export {
  formatStatus,
  type LastExit,
  ProcessState,
  type ProcessStatus,
  type StatusReport,
} from './status-report.ts';
export { type Column, formatTable } from './text-table.ts';
export { workingDirectory } from './working-directory.ts';
