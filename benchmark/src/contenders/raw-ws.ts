import { freePorts } from '@gatewayworker/testing';
import { startModule } from '../processes/start-module.ts';
import type { Contender } from './contender.ts';

/** A plain `ws` server in one process. */
export const rawWs: Contender = {
  name: 'raw-ws',
  title: 'raw ws',
  framing: 'websocket',
  canPush: false,
  unavailable: () => undefined,
  async start() {
    const [port = 0] = await freePorts(1);
    const server = await startModule(new URL('../servers/raw-ws-server.js', import.meta.url), {
      args: [String(port)],
    });
    return { ports: [port], pids: server.pids, stop: () => server.stop() };
  },
};
