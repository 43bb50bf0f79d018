import { freePorts } from '@gatewayworker/testing';
import { isInPath } from '../processes/is-in-path.ts';
import { runFolder } from '../processes/run-folder.ts';
import { ServerProcess } from '../processes/server-process.ts';
import { startModule } from '../processes/start-module.ts';
import type { Contender, RunningContender } from './contender.ts';

/** Socket.IO in two processes, with its Redis adapter and a private Redis. */
export const socketIo: Contender = {
  name: 'socket.io-2',
  title: 'Socket.IO ×2 + Redis',
  framing: 'socket.io',
  canPush: true,
  unavailable() {
    if (isInPath('redis-server')) return undefined;
    return 'redis-server is not installed (Debian: apt-get install redis-server; macOS: brew install redis)';
  },
  start: startServers,
};

async function startServers(): Promise<RunningContender> {
  const folder = await runFolder();
  const [redisPort = 0, ...ports] = await freePorts(3);
  const redis = await startRedis(redisPort, folder.path);
  const module = new URL('../servers/socket-io-server.js', import.meta.url);
  const started = await Promise.allSettled(
    ports.map((port) => startModule(module, { args: [String(port), String(redisPort)] })),
  );
  const all = [redis, ...started.flatMap((start) => ('value' in start ? start.value : []))];
  const stop = async () => {
    await Promise.all(all.map((server) => server.stop()));
    await folder.dispose();
  };
  for (const start of started) {
    if (start.status === 'fulfilled') continue;
    await stop();
    throw start.reason;
  }
  return {
    // Each process has its own port, so that no load balancer is needed.
    ports,
    pids: all.flatMap(({ pids }) => pids),
    push: {
      module: new URL('../push/redis-emitter-push.js', import.meta.url),
      argument: String(redisPort),
    },
    stop,
  };
}

/** Starts a Redis without persistence. */
async function startRedis(port: number, folder: string): Promise<ServerProcess> {
  return await ServerProcess.start({
    command: 'redis-server',
    args: [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
      ...['--save', '', '--appendonly', 'no'],
    ],
    readyText: 'Ready to accept connections',
  });
}
