import type {
  DescriptorReserve,
  Guard,
  Logger,
  OpenSocket,
  PredecessorChannel,
} from '@gatewayworker/core';

/** The process in which a gateway runs. */
export interface GatewayContext {
  /** Number of the process within its declaration, from 0. */
  readonly id: number;
  readonly logger: Logger;
  /** Limits an exception to its connection or link. @default a guard that logs */
  readonly guard?: Guard | undefined;
  /** File descriptors that the process keeps in reserve. @default a new reserve */
  readonly descriptors?: DescriptorReserve;
  /** Opens the listening socket for clients, which all processes of the gateway share. @default a new socket */
  readonly openSocket?: OpenSocket;
  /** Channel from the predecessor. @default none */
  readonly predecessor?: PredecessorChannel | undefined;
}
