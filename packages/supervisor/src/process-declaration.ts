import type {
  DescriptorReserve,
  Logger,
  OpenSocket,
  PredecessorChannel,
  RoleRuntime,
} from '@gatewayworker/core';

/** What a process does. */
export const Role = {
  register: 'register',
  gateway: 'gateway',
  businessWorker: 'business-worker',
  worker: 'worker',
} as const;
export type Role = (typeof Role)[keyof typeof Role];

/** Each kind is ready before the next one starts: a gateway announces itself to a register, a worker links to gateways. */
export const startOrder: readonly Role[] = Object.freeze([
  Role.register,
  Role.gateway,
  Role.businessWorker,
  Role.worker,
]);

/** Gateways end first, so that business workers still get the close event of every client. */
export const stopOrder: readonly Role[] = Object.freeze([
  Role.gateway,
  Role.businessWorker,
  Role.worker,
  Role.register,
]);

/** What a runtime gets from the process it runs in. */
export interface ProcessContext {
  /** 0-based number among the processes of the declaration; a restarted process keeps it. */
  readonly id: number;
  readonly logger: Logger;
  /** File descriptors that the process keeps back. */
  readonly descriptors: DescriptorReserve;
  /** Opens a socket to listen on, which all processes of the declaration share. */
  readonly openSocket: OpenSocket;
  /** The way from the process that this one takes over from; `undefined` when there is none. */
  readonly predecessor: PredecessorChannel | undefined;
}

/** A group of like processes, as a start file declares it. */
export interface ProcessDeclaration {
  readonly role: Role;
  readonly name: string;
  /** Number of processes, from 1. */
  readonly count: number;
  /** As the start file gives them, to compare a running process with its declaration. */
  readonly options: object;
  /** Address that tables show; empty for a process that does not listen. */
  readonly listen: string;
  /** Called once, in the process itself. */
  createRuntime(context: ProcessContext): RoleRuntime | Promise<RoleRuntime>;
}

/** Names one process in messages, such as `gateway "chat" #0`. */
export function describeProcess(role: string, name: string, id: number): string {
  return `${role} "${name}" #${id}`;
}
