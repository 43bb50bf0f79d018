import { createHash } from 'node:crypto';
import { BusinessWorker, Gateway, Register, type RouterFunction, run } from 'gatewayworker';

const {
  LIMIT_PORT = '8289',
  LIMIT_REGISTER_PORT = '1242',
  LIMIT_INNER_PORT = '2960',
} = process.env;
const registerAddress = `127.0.0.1:${LIMIT_REGISTER_PORT}`;

/**
 * Sends all clients of a uid to the same worker, from every gateway, so that one process counts their messages.
 * Rendezvous hashing: when a worker is missing, only its uids move.
 */
const byUid: RouterFunction = (workers, { request }) => {
  const uid = new URL(request?.url ?? '/', 'ws://host').searchParams.get('uid');
  const weight = (id: number) => createHash('md5').update(`${uid} ${id}`).digest().readUInt32BE(0);
  return workers.reduce((best, worker) => (weight(worker.id) > weight(best.id) ? worker : best));
};

new Register({ listen: registerAddress });

new Gateway({
  name: 'limit-gateway',
  listen: `websocket://127.0.0.1:${LIMIT_PORT}`,
  count: 2,
  startPort: Number(LIMIT_INNER_PORT),
  registerAddress,
  router: byUid,
});

new BusinessWorker({
  name: 'limit-worker',
  count: 2,
  eventHandler: new URL('./events.ts', import.meta.url),
  registerAddress,
});

run();
