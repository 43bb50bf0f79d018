import type { FastifyInstance } from 'fastify';
import type { GatewayApi } from 'gatewayworker';
import type { ClientTokenVerifier, TokenVerdict } from './client-token.ts';
import { HttpError } from './http-error.ts';
import { encodeServerMessage, type ServerMessage } from './server-message.ts';
import type { LoginSessions } from './session.ts';
import type { PushSettings } from './settings.ts';
import { textLimits, toLine } from './text.ts';
import { topic } from './topic.ts';

/** Dependencies of the routes. */
export interface RouteOptions {
  readonly settings: PushSettings;
  /** One for the life of the process; its links reconnect by themselves. */
  readonly client: GatewayApi;
  readonly verifier: ClientTokenVerifier;
  readonly sessions: LoginSessions;
}

/** Adds the routes of the app. */
export function addRoutes(app: FastifyInstance, options: RouteOptions): void {
  addSessionRoutes(app, options);
  addBindRoute(app, options);
  addPushRoutes(app, options);
  addOnlineRoute(app, options);
}

/** JSON schema of a body that has exactly these fields. */
function bodyOf(properties: Readonly<Record<string, object>>): object {
  return {
    type: 'object',
    required: Object.keys(properties),
    additionalProperties: false,
    properties,
  };
}

const nameSchema = { type: 'string', minLength: 1, maxLength: textLimits.name };
const textSchema = { type: 'string', minLength: 1, maxLength: textLimits.text };

function addSessionRoutes(
  app: FastifyInstance,
  { settings, client, sessions }: RouteOptions,
): void {
  app.get('/config', (request, reply) => {
    const uid = sessions.find(request)?.uid ?? null;
    reply.header('Cache-Control', 'no-store');
    return reply.send({ uid, topic, gatewayPort: settings.gatewayPort, limits: textLimits });
  });

  app.post<{ Body: { name: string } }>(
    '/login',
    { schema: { body: bodyOf({ name: nameSchema }) } },
    async (request, reply) => {
      // This example accepts any name. A real app verifies a password here and looks up the uid.
      const uid = requireLine('name', request.body.name);
      sessions.start(reply, uid);
      return { uid };
    },
  );

  app.post('/logout', async (request, reply) => {
    const session = sessions.require(request);
    // First: a logout that fails here can be repeated. Pages that stay bound would keep receiving messages.
    requireSent(client.closeUid(session.uid));
    sessions.end(reply, session);
    return { uid: session.uid };
  });
}

function addBindRoute(app: FastifyInstance, { client, verifier, sessions }: RouteOptions): void {
  const body = bodyOf({
    clientId: { type: 'string', minLength: 20, maxLength: 20 },
    token: { type: 'string', maxLength: 200 },
  });
  app.post<{ Body: { clientId: string; token: string } }>(
    '/bind',
    { schema: { body } },
    async (request) => {
      const { uid } = sessions.require(request);
      const { clientId, token } = request.body;
      // A client id is not secret. The token proves that it belongs to this page.
      requireValid(verifier.check(token, clientId, Date.now()));
      requireSent(
        client.bindUid(clientId, uid) &&
          client.setSession(clientId, { uid }) &&
          client.joinGroup(clientId, topic),
      );
      verifier.markUsed(token);
      // A query sees the preceding commands of this process: its result proves that they were executed.
      if ((await client.getUidByClientId(clientId)) !== uid) {
        throw new HttpError('page_gone', 'The page has disconnected.');
      }
      client.sendToGroup(topic, encodeServerMessage({ type: 'presence' }));
      return { uid, topic };
    },
  );
}

function addPushRoutes(app: FastifyInstance, { client, sessions }: RouteOptions): void {
  app.post<{ Body: { uid: string; text: string } }>(
    '/push/user',
    { schema: { body: bodyOf({ uid: nameSchema, text: textSchema }) } },
    async (request) => {
      const { uid: from } = sessions.require(request);
      const uid = requireLine('uid', request.body.uid);
      const text = requireLine('text', request.body.text);
      // Queried first: if the cluster returns a partial result, nothing has been sent.
      const pages = await client.getClientIdByUid(uid);
      if (pages.length === 0) throw new HttpError('not_online', `${uid} has no page open.`);
      requireSent(client.sendToUid(uid, encodePush({ from, text, topic: null })));
      return { pages: pages.length };
    },
  );

  app.post<{ Body: { topic: string; text: string } }>(
    '/push/topic',
    { schema: { body: bodyOf({ topic: { enum: [topic] }, text: textSchema }) } },
    async (request) => {
      const { uid: from } = sessions.require(request);
      const text = requireLine('text', request.body.text);
      const pages = await client.getClientIdCountByGroup(topic);
      requireSent(client.sendToGroup(topic, encodePush({ from, text, topic })));
      return { pages };
    },
  );
}

function addOnlineRoute(app: FastifyInstance, { client, sessions }: RouteOptions): void {
  const querystring = {
    type: 'object',
    additionalProperties: false,
    properties: { uid: nameSchema },
  };
  app.get<{ Querystring: { uid?: string } }>(
    '/online',
    { schema: { querystring } },
    async (request, reply) => {
      sessions.require(request);
      reply.header('Cache-Control', 'no-store');
      const { uid } = request.query;
      if (uid !== undefined) return { uid, online: await client.isUidOnline(uid) };
      const pages = await client.getClientSessionsByGroup<{ uid: string }>(topic);
      return { topic, people: countPages(pages.values()) };
    },
  );
}

/** The number of open pages of each user, sorted by name. */
function countPages(
  sessions: Iterable<{ readonly uid: string } | undefined>,
): { uid: string; pages: number }[] {
  const pages = new Map<string, number>();
  for (const session of sessions) {
    if (session !== undefined) pages.set(session.uid, (pages.get(session.uid) ?? 0) + 1);
  }
  const people = Array.from(pages, ([uid, count]) => ({ uid, pages: count }));
  return people.sort((one, other) => one.uid.localeCompare(other.uid));
}

function encodePush(push: Omit<Extract<ServerMessage, { type: 'push' }>, 'type' | 'time'>): string {
  return encodeServerMessage({ type: 'push', ...push, time: Date.now() });
}

/** @throws {HttpError} 400 when the normalized text is empty */
function requireLine(field: string, value: string): string {
  const line = toLine(value);
  if (line !== '') return line;
  throw new HttpError('invalid', `body/${field} has no visible characters`);
}

/**
 * A send returns false if it did not reach a live link: the cluster is unreachable or overloaded.
 *
 * @throws {HttpError} 503
 */
function requireSent(isSent: boolean): void {
  if (isSent) return;
  throw new HttpError(
    'cluster_unreachable',
    'The pages cannot be reached right now. Please try again in a moment.',
  );
}

/** @throws {HttpError} 403 when the token is not valid, 503 when the store of used tokens is full */
function requireValid(verdict: TokenVerdict): void {
  switch (verdict) {
    case 'valid':
      return;
    case 'forged':
      throw new HttpError('token_forged', 'The token was not issued by this app.');
    case 'foreign':
      throw new HttpError('token_foreign', 'The token belongs to another page.');
    case 'expired':
      throw new HttpError('token_expired', 'The token has expired. Reconnect to get a new one.');
    case 'used':
      throw new HttpError('token_used', 'The token was used. Reconnect to get a new one.');
    case 'full':
      throw new HttpError('busy', 'Too many pages are connecting. Please try again in a minute.');
  }
}
