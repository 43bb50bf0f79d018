import type {
  DescriptorReserve,
  Guard,
  Logger,
  OpenSocket,
  PredecessorChannel,
} from '@gatewayworker/core';

/** Where a gateway runs. */
export interface GatewayContext {
  /** Number of the process within its declaration, from 0. */
  readonly id: number;
  readonly logger: Logger;
  /** Keeps exceptions of one connection or link from the process. @default one that logs */
  readonly guard?: Guard | undefined;
  /** File descriptors that the process keeps back. @default a reserve of the gateway's own */
  readonly descriptors?: DescriptorReserve;
  /** Opens the socket for clients, which all processes of the gateway share. @default one of its own */
  readonly openSocket?: OpenSocket;
  /** The way from the process that this one succeeds. @default it succeeds none */
  readonly predecessor?: PredecessorChannel | undefined;
}
