import {
  type BusinessWorkerOptions,
  BusinessWorkerRuntime,
  resolveBusinessWorkerOptions,
} from '@gatewayworker/business-worker';
import { Role } from '@gatewayworker/supervisor';
import { declareProcess } from '../declared-processes.ts';

/** Declares business workers, the processes that run the application's `Events`. */
export class BusinessWorker {
  /** @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed */
  constructor(options: BusinessWorkerOptions) {
    declareProcess(new.target, () => {
      const resolved = resolveBusinessWorkerOptions(options);
      return {
        options,
        role: Role.businessWorker,
        name: resolved.name,
        count: resolved.count,
        listen: '',
        ports: [],
        createRuntime: (context) => new BusinessWorkerRuntime(resolved, context),
      };
    });
  }
}
