import type { CallerLane } from '../resume/lane-table.ts';
import type { WorkerLink } from '../workers/worker-link.ts';

/** The linked process that has sent a command. */
export interface Caller {
  /** `undefined` for a client of the Gateway API. */
  readonly worker: WorkerLink | undefined;
  readonly lane: CallerLane;
}
