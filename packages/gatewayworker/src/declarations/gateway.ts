import { parseHostPort } from '@gatewayworker/core';
import {
  type GatewayOptions,
  innerListenAddress,
  loadGateway,
  type ResolvedGatewayOptions,
  resolveGatewayOptions,
} from '@gatewayworker/gateway';
import { Role } from '@gatewayworker/supervisor';
import { declareProcess } from '../declared-processes.ts';
import { claimPorts, type PortClaim } from '../port-claims.ts';

/** Declares gateways, the processes with the sockets of clients. */
export class Gateway {
  /** @throws {GW_ERR_OPTION_INVALID} naming the option, its value and what is allowed */
  constructor(options: GatewayOptions) {
    declareProcess(new.target, () => {
      const resolved = resolveGatewayOptions(options);
      return {
        options,
        role: Role.gateway,
        name: resolved.name,
        count: resolved.count,
        listen: resolved.listen,
        ports: claimGatewayPorts(resolved),
        createRuntime: (context) => loadGateway(resolved, context),
      };
    });
  }
}

/** Claims one port for clients, shared by all processes, and one port for inner links per process. */
function claimGatewayPorts(options: ResolvedGatewayOptions): PortClaim[] {
  const { name, listen, innerListen, startPort, count } = options;
  const inner = innerListenAddress(options);
  const option = innerListen === '' ? 'Gateway.startPort' : 'Gateway.innerListen';
  const owner = `Gateway "${name}"`;
  const clients = parseHostPort('Gateway.listen', listen.replace(/^[^/]*:\/\//, ''));
  return [
    ...claimPorts({ owner, option: 'Gateway.listen', value: listen, ...clients }, 1),
    ...claimPorts({ owner, option, value: innerListen || startPort, ...inner }, count),
  ];
}
