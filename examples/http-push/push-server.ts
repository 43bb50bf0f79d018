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
  /** Where browsers on this machine find it. */
  readonly address: string;
  /** Ends the requests under way, then the links to the cluster. */
  close(): Promise<void>;
}

/**
 * Starts the HTTP app: an ordinary web server that has a client of the cluster.
 *
 * @throws {GW_ERR_CONNECT_TIMEOUT} when no register answers: the master starts the process again
 */
export async function startPushServer(
  settings: PushSettings,
  worker: WorkerProcess,
): Promise<PushServer> {
  const { logger } = worker;
  const { registerAddress, host, port } = settings;
  const client = await GatewayClient.connect(
    // Somebody waits for the answer of each request, so a gateway that hangs may cost a second, not five.
    { registerAddress, name: 'push-app', queryTimeoutMs: 1000 },
    logger,
  );
  const app = fastify({
    bodyLimit: 8192,
    // A reload ends what is idle; what is under way is answered, whoever asks.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // What is wrong is refused, not turned into something else.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  // JSON is the one type that a form of another site cannot send.
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

/** Answers every error as `{ error, message }`, and logs what is not the page's own doing. */
function answerErrors(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = toHttpError(thrown);
    const status = errorStatus[error.code];
    const path = request.routeOptions.url;
    if (status === 500) logger.error({ err: error.cause, path }, 'a request failed');
    if (status === 503) {
      logger.warn({ path, error: error.code }, 'a request came during an outage');
      reply.header('Retry-After', '1');
    }
    reply.code(status).send({ error: error.code, message: error.message });
  });
  app.setNotFoundHandler(() => {
    throw new HttpError('not_found', 'There is no such page.');
  });
}
