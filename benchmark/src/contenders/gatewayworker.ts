import { freePorts } from '@gatewayworker/testing';
import { runFolder } from '../processes/run-folder.ts';
import { startModule } from '../processes/start-module.ts';
import type { Contender, RunningContender } from './contender.ts';

const NAME = /^gatewayworker-([1-9]\d?)x([1-9]\d?)$/;

/**
 * Returns this framework with the number of gateway and worker processes in the name, such as `gatewayworker-2x2`;
 * `undefined` for any other name.
 */
export function gatewayworkerByName(name: string): Contender | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [gateways, workers] = [Number(match[1]), Number(match[2])];
  return {
    name,
    title: `gatewayworker ${gateways}×${workers}`,
    framing: 'websocket',
    canPush: true,
    unavailable: () => undefined,
    start: () => startCluster(gateways, workers),
  };
}

/** Starts a cluster with its command line. */
async function startCluster(gateways: number, workers: number): Promise<RunningContender> {
  const folder = await runFolder();
  const [port = 0, register = 0, inner = 0] = await freePorts(2 + gateways);
  const server = await startModule(new URL('../servers/gatewayworker-start.js', import.meta.url), {
    args: ['start'],
    env: {
      BENCH_GATEWAYS: String(gateways),
      BENCH_WORKERS: String(workers),
      BENCH_PORTS: [port, register, inner].join(','),
      BENCH_FOLDER: folder.path,
    },
    readyText: 'Press Ctrl+C to stop.',
  });
  return {
    ports: [port],
    pids: server.pids,
    push: {
      module: new URL('../push/gateway-client-push.js', import.meta.url),
      argument: `127.0.0.1:${register}`,
    },
    async stop() {
      await server.stop();
      await folder.dispose();
    },
  };
}
