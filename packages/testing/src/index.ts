export { type CapturedLogger, captureLogger, type LogLine } from './captured-logger.ts';
export { type Certificate, makeCertificate } from './certificate.ts';
export { type EventuallyOptions, eventually } from './eventually.ts';
export { FaultProxy, type Faults } from './fault-proxy.ts';
export { FaultyGuard } from './faulty-guard.ts';
export { freePorts } from './free-ports.ts';
export { fromHex, malformedClientFrames } from './malformed-frames.ts';
export { MemorySocket } from './memory-socket.ts';
export { Network, type NetworkHost } from './network-namespaces.ts';
export { nodeFlags, repositoryRoot } from './node-flags.ts';
export { childPids, endDaemon, endProcess, isAlive } from './processes.ts';
export { type CommandOptions, type CommandResult, runCommand } from './run-command.ts';
export { isRequired, type Requirement, skipReason } from './skip-reason.ts';
export {
  type Cluster,
  type ClusterOptions,
  type StatusProcess,
  startCluster,
} from './start-cluster.ts';
export { type Etcd, type EtcdOptions, startEtcd } from './start-etcd.ts';
export { type Postgres, startPostgres } from './start-postgres.ts';
export { Roles, type RolesOptions, startRoles } from './start-roles.ts';
export { openTcpPeer, TcpPeer } from './tcp-peer.ts';
export { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';
export {
  type ClientEnd,
  openClient,
  type Refused,
  requestRefusedHandshake,
  TestClient,
} from './test-client.ts';
