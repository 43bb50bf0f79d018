import cookie from '@fastify/cookie';
import { fastify } from 'fastify';
import { GatewayClient, type WorkerProcess } from 'gatewayworker';
import { limits } from '../../shared/limits.ts';
import { openMessenger } from '../messenger.ts';
import type { ImSettings } from '../settings.ts';
import { addAccountRoutes } from './account-routes.ts';
import { addConversationRoutes } from './conversation-routes.ts';
import { endServer } from './end-server.ts';
import { addGroupRoutes } from './group-routes.ts';
import { addOriginRule, Guard } from './guard.ts';
import { answerErrors } from './http-error.ts';
import { buildPage } from './page-build.ts';
import { addPageFiles } from './page-files.ts';
import { addPeopleRoutes } from './people-routes.ts';
import { addPictureRoutes } from './picture-routes.ts';

/** The HTTP app while it runs. */
export interface HttpServer {
  /** URL of the app on this machine. */
  readonly address: string;
  /** Finishes the requests in progress, then closes the database and the links to the cluster. */
  close(): Promise<void>;
}

/**
 * Starts the HTTP app: accounts, people, groups, pictures and history, and the page.
 *
 * @throws {GW_ERR_CONNECT_TIMEOUT} when no register answers; the master then restarts the process
 */
export async function startHttpServer(
  settings: ImSettings,
  worker: WorkerProcess,
): Promise<HttpServer> {
  const { logger, signal } = worker;
  const { registerAddress, secretKey, host, httpPort: port, origin } = settings;
  await buildPage(logger);
  const push = await GatewayClient.connect(
    // A user waits for each response, so a gateway that hangs delays it by one second instead of five.
    { registerAddress, secretKey, name: 'im-http', queryTimeoutMs: 1000 },
    logger,
  );
  const messenger = await openMessenger({ settings, push, logger, signal });
  const app = fastify({
    bodyLimit: limits.bodyBytes,
    // In a reload, close idle connections and finish the requests in progress.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    trustProxy: settings.trustProxy.length === 0 ? false : [...settings.trustProxy],
  });
  // Forms of other sites can send text/plain, but not JSON.
  app.removeContentTypeParser('text/plain');
  answerErrors(app, logger);
  await app.register(cookie);
  addOriginRule(app, origin);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'Cache-Control': request.url.startsWith('/api/') ? 'no-store' : 'no-cache',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    });
  });
  const guard = new Guard(app, messenger);
  addAccountRoutes(app, messenger, guard);
  addPeopleRoutes(app, messenger, guard);
  addConversationRoutes(app, messenger, guard);
  addGroupRoutes(app, messenger, guard);
  await addPictureRoutes(app, messenger, guard);
  await addPageFiles(app, settings.socketPort);
  await app.ready();
  const listeningPort = await worker.listen(app.server, { host, port });
  return {
    address: `http://${host.replace('0.0.0.0', '127.0.0.1')}:${listeningPort}`,
    async close() {
      await endServer(app.server, () => app.close());
      await messenger.close();
      await push.close();
    },
  };
}
