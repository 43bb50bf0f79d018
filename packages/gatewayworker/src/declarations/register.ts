import { parseHostPort } from '@gatewayworker/core';
import {
  type RegisterOptions,
  RegisterRuntime,
  resolveRegisterOptions,
} from '@gatewayworker/register';
import { Role } from '@gatewayworker/supervisor';
import { declareProcess } from '../declared-processes.ts';
import { claimPorts } from '../port-claims.ts';

/** Declares a register, the process that informs workers and clients which gateways run. */
export class Register {
  /** @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed */
  constructor(options: RegisterOptions = {}) {
    declareProcess(new.target, () => {
      const resolved = resolveRegisterOptions(options);
      const { name, listen } = resolved;
      const { host, port } = parseHostPort('Register.listen', listen);
      const claim = { owner: `Register "${name}"`, option: 'Register.listen', value: listen };
      return {
        options,
        role: Role.register,
        name,
        count: 1,
        listen,
        ports: claimPorts({ ...claim, host, port }, 1),
        createRuntime: (context) => new RegisterRuntime(resolved, context),
      };
    });
  }
}
