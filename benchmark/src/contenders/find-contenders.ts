import { bun } from './bun.ts';
import type { Contender } from './contender.ts';
import { gatewayworkerByName } from './gatewayworker.ts';
import { net } from './net.ts';
import { rawWs } from './raw-ws.ts';
import { socketIo } from './socket-io.ts';

/** Returns the contender with a name; `undefined` when there is none. */
export function findContender(name: string): Contender | undefined {
  return (
    [rawWs, net, bun, socketIo].find((contender) => contender.name === name) ??
    gatewayworkerByName(name)
  );
}

/** Known names, for messages. */
export const contenderNames = 'raw-ws, net, bun, socket.io-2, gatewayworker-<gateways>x<workers>';
