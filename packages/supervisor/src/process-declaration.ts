import type {
  DescriptorReserve,
  Logger,
  OpenSocket,
  PredecessorChannel,
  RoleRuntime,
} from '@gatewayworker/core';

/** Kind of a process. */
export const Role = {
  register: 'register',
  gateway: 'gateway',
  businessWorker: 'business-worker',
  worker: 'worker',
} as const;
export type Role = (typeof Role)[keyof typeof Role];

/** Each role is ready before the next one starts: gateways announce themselves to registers, workers link to gateways. */
export const startOrder: readonly Role[] = Object.freeze([
  Role.register,
  Role.gateway,
  Role.businessWorker,
  Role.worker,
]);

/** Gateways stop first, so that business workers still receive the close event of every client. */
export const stopOrder: readonly Role[] = Object.freeze([
  Role.gateway,
  Role.businessWorker,
  Role.worker,
  Role.register,
]);

/** What a runtime gets from its process. */
export interface ProcessContext {
  /** 0-based number among the processes of the declaration; a restarted process keeps it. */
  readonly id: number;
  readonly logger: Logger;
  /** File descriptors that the process keeps in reserve. */
  readonly descriptors: DescriptorReserve;
  /** Opens a listening socket that all processes of the declaration share. */
  readonly openSocket: OpenSocket;
  /** Channel to the process that this one takes over from; `undefined` when there is none. */
  readonly predecessor: PredecessorChannel | undefined;
}

/** A declaration of the start file: one or more processes of the same kind. */
export interface ProcessDeclaration {
  readonly role: Role;
  readonly name: string;
  /** Number of processes, from 1. */
  readonly count: number;
  /** Options as the start file gives them, to compare a running process with its declaration. */
  readonly options: object;
  /** Address that tables show; empty for a process that does not listen. */
  readonly listen: string;
  /** Called once in each process. */
  createRuntime(context: ProcessContext): RoleRuntime | Promise<RoleRuntime>;
}

/** Names one process in messages, such as `gateway "chat" #0`. */
export function describeProcess(role: string, name: string, id: number): string {
  return `${role} "${name}" #${id}`;
}
