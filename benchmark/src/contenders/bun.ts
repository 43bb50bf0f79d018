import { fileURLToPath } from 'node:url';
import { freePorts } from '@gatewayworker/testing';
import { isInPath } from '../processes/is-in-path.ts';
import { ServerProcess } from '../processes/server-process.ts';
import type { Contender } from './contender.ts';

/** Bun with its own websockets, in one process. */
export const bun: Contender = {
  name: 'bun',
  title: 'Bun',
  framing: 'websocket',
  canPush: false,
  unavailable: () =>
    isInPath('bun') ? undefined : 'bun is not in the PATH (npm install --global bun)',
  async start() {
    const [port = 0] = await freePorts(1);
    const module = fileURLToPath(new URL('../servers/bun-server.js', import.meta.url));
    const server = await ServerProcess.start({
      command: 'bun',
      args: [module, String(port)],
      readyText: 'listening',
    });
    return { ports: [port], pids: server.pids, stop: () => server.stop() };
  },
};
