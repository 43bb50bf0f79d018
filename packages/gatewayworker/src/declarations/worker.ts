import { Role } from '@gatewayworker/supervisor';
import { declareProcess } from '../declared-processes.ts';
import { resolveWorkerOptions, type WorkerOptions } from '../worker-options.ts';
import { WorkerRuntime } from '../worker-runtime.ts';

/**
 * Declares supervised processes for other application code: a web server, a timer, a queue.
 *
 * In `onWorkerStart`, `worker.listen()` shares a port among all processes of the declaration.
 */
export class Worker {
  /** @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed */
  constructor(options: WorkerOptions) {
    declareProcess(new.target, () => {
      const resolved = resolveWorkerOptions(options);
      return {
        options,
        role: Role.worker,
        name: resolved.name,
        count: resolved.count,
        listen: '',
        ports: [],
        createRuntime: (context) => new WorkerRuntime(resolved, context),
      };
    });
  }
}
