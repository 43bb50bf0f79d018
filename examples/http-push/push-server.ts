import cookie from '@fastify/cookie';
import { type FastifyInstance, fastify } from 'fastify';
import { GatewayClient, type Logger, type WorkerProcess } from 'gatewayworker';
import { addBrowserRules } from './browser-rules.ts';
import { ClientTokenVerifier } from './client-token.ts';
import { endServer } from './end-server.ts';
import { errorStatus, HttpError, toHttpError } from './http-error.ts';
import { addPageFiles } from './page-files.ts';
import { addRoutes } from './routes.ts';
import { LoginSessions } from './session.ts';
import type { PushSettings } from './settings.ts';

/** The HTTP app while it runs. */
export interface PushServer {
  /** URL of the app on this machine. */
  readonly address: string;
  /** Finishes the requests in progress, then closes the links to the cluster. */
  close(): Promise<void>;
}

/**
 * Starts the HTTP app: a web server with a client of the cluster.
 *
 * @throws {GW_ERR_CONNECT_TIMEOUT} when no register answers; the master then restarts the process
 */
export async function startPushServer(
  settings: PushSettings,
  worker: WorkerProcess,
): Promise<PushServer> {
  const { logger } = worker;
  const { registerAddress, host, port } = settings;
  const client = await GatewayClient.connect(
    // A user waits for each response, so a gateway that hangs delays it by one second instead of five.
    { registerAddress, name: 'push-app', queryTimeoutMs: 1000 },
    logger,
  );
  const app = fastify({
    bodyLimit: 8192,
    // In a reload, close idle connections and finish the requests in progress.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // Reject wrong types and unknown fields; the default converts and removes them.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  // Forms of other sites can send text/plain, but not JSON.
  app.removeContentTypeParser('text/plain');
  answerErrors(app, logger);
  await app.register(cookie, { secret: settings.cookieKey });
  addBrowserRules(app, settings);
  addPageFiles(app);
  const verifier = new ClientTokenVerifier({ key: settings.tokenKey, startedAt: Date.now() });
  const sessions = new LoginSessions({ secure: settings.origin?.startsWith('https:') ?? false });
  addRoutes(app, { settings, client, verifier, sessions });
  await app.ready();
  const listeningPort = await worker.listen(app.server, { host, port });
  return {
    address: `http://${host.replace('0.0.0.0', '127.0.0.1')}:${listeningPort}`,
    async close() {
      await endServer(app.server, () => app.close());
      await client.close();
    },
  };
}

/** Sends every error as `{ error, message }`, and logs those that the page did not cause. */
function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = toHttpError(thrown);
    const status = errorStatus[error.code];
    const path = request.routeOptions.url;
    if (status === 500) logger.error({ err: error.cause, path }, 'request failed');
    if (status === 503) {
      logger.warn({ path, error: error.code }, 'request failed during an outage');
      reply.header('Retry-After', '1');
    }
    reply.code(status).send({ error: error.code, message: error.message });
  });
  app.setNotFoundHandler(() => {
    throw new HttpError('not_found', 'Not found.');
  });
}
