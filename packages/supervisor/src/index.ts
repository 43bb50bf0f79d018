export { runChildProcess } from './child/child-process.ts';
export { OnMasterExit } from './control/child-protocol.ts';
export { ReloadKind } from './control/control-messages.ts';
export { isRestorePending, reserveRunDirectory } from './control/run-directory.ts';
export type { DrainStep, UndrainStep } from './master/drain.ts';
export { assertLogFile } from './master/log-file.ts';
export { alreadyRunning, isAlreadyRunning, Master, type MasterOptions } from './master/master.ts';
export {
  findMaster,
  requestConnections,
  requestDetach,
  requestDrain,
  requestHealth,
  requestReload,
  requestStatus,
  requestStop,
  requestUndrain,
} from './master/master-client.ts';
export {
  readOrphanConnections,
  readOrphanHealth,
  readOrphanStatus,
  stopOrphans,
} from './master/orphans.ts';
export { assertPidFile, isDiskFull, readPidFile, removePidFile } from './master/pid-file.ts';
export { formatReloadStep, type ReloadStep } from './master/reload.ts';
export {
  healthAddress,
  type ResolvedRunOptions,
  type RunOptions,
  resolveRunOptions,
  runDefaults,
} from './options.ts';
export { type ProcessContext, type ProcessDeclaration, Role } from './process-declaration.ts';
export {
  type ChildAssignment,
  childVariable,
  parseChildAssignment,
} from './processes/child-assignment.ts';
export { ProcessFailedError } from './processes/process-failed-error.ts';
export { workingDirectory } from './processes/working-directory.ts';
export { type ConnectionRow, formatConnections } from './report/connection-report.ts';
export {
  formatHealth,
  type HealthReport,
  type ProcessHealth,
  selectHealth,
} from './report/health-report.ts';
export { formatStart, type StartReport, type StartRow } from './report/start-report.ts';
export {
  formatStatus,
  type LastExit,
  ProcessState,
  type ProcessStatus,
  type StatusReport,
} from './report/status-report.ts';
