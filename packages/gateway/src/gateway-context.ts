import type { DescriptorReserve, Guard, Logger } from '@gatewayworker/core';

/** Where a gateway runs. */
export interface GatewayContext {
  /** Number of the process within its declaration, from 0. */
  readonly id: number;
  readonly logger: Logger;
  /** Keeps exceptions of one connection or link from the process. @default one that logs */
  readonly guard?: Guard | undefined;
  /** File descriptors that the process keeps back. @default a reserve of the gateway's own */
  readonly descriptors?: DescriptorReserve;
  /**
   * Whether an earlier process of this number may live, whose master was killed: it may have the port for
   * inner links, so that a free one will do, and it serves clients as long as this one has no workers.
   * @default false
   */
  readonly hasPredecessor?: boolean;
  /** Resolves once no process of before has the port for clients. @default none has */
  readonly claimPort?: () => Promise<void>;
}
