import { freePorts } from '@gatewayworker/testing';
import { startModule } from '../processes/start-module.ts';
import type { Contender } from './contender.ts';

/** The lower bound of the cost of the sockets in Node.js: `node:net` in one process, without any check. */
export const net: Contender = {
  name: 'net',
  title: 'node:net, no checks',
  framing: 'websocket',
  canPush: false,
  unavailable: () => undefined,
  async start() {
    const [port = 0] = await freePorts(1);
    const server = await startModule(new URL('../servers/net-server.js', import.meta.url), {
      args: [String(port)],
    });
    return { ports: [port], pids: server.pids, stop: () => server.stop() };
  },
};
