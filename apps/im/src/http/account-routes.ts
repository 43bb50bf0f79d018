import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DevicesBody, EmptyBody, LoginBody, MeBody } from '../../shared/http-api.ts';
import type { LoggedIn } from '../accounts/accounts.ts';
import { tokenCookie } from '../accounts/token.ts';
import { type Fields, parseFields, parseFlag } from '../input.ts';
import type { Messenger } from '../messenger.ts';
import { type Guard, setTokenCookie } from './guard.ts';
import { parseIdParameter } from './parameters.ts';

/** Adds the routes for registration, login, logout, the own profile and devices. */
export function addAccountRoutes(app: FastifyInstance, messenger: Messenger, guard: Guard): void {
  const { accounts, devices, settings } = messenger;

  const answerLogin = (
    reply: FastifyReply,
    { me, deviceId, token }: LoggedIn,
    byCookie: boolean,
  ): LoginBody => {
    if (!byCookie) return { me, deviceId, token };
    setTokenCookie(reply, token, settings);
    return { me, deviceId };
  };

  app.post('/api/register', async (request, reply) => {
    const known = ['name', 'password', 'phone', 'nickname', 'device', 'cookie'];
    const fields = parseFields(request.body, known);
    const byCookie = parseFlag(fields, 'cookie');
    const loggedIn = await accounts.register(withDevice(fields, request), request.ip);
    reply.code(201);
    return answerLogin(reply, loggedIn, byCookie);
  });

  app.post('/api/login', async (request, reply) => {
    const fields = parseFields(request.body, ['login', 'password', 'device', 'cookie']);
    const byCookie = parseFlag(fields, 'cookie');
    const loggedIn = await accounts.login(withDevice(fields, request), request.ip);
    return answerLogin(reply, loggedIn, byCookie);
  });

  app.post('/api/logout', async (request, reply): Promise<EmptyBody> => {
    const { userId, deviceId } = await guard.read(request);
    reply.clearCookie(tokenCookie, { path: '/' });
    await devices.logOut(userId, deviceId);
    return {};
  });

  app.post('/api/logout-everywhere', async (request, reply): Promise<EmptyBody> => {
    const { userId } = await guard.read(request);
    reply.clearCookie(tokenCookie, { path: '/' });
    await devices.logOutEverywhere(userId);
    return {};
  });

  app.get('/api/me', async (request): Promise<MeBody> => {
    const { userId, deviceId } = await guard.read(request);
    // The first request of every page. Renews the cookie even if a websocket has just stored the use of the device.
    guard.renewCookie(request);
    return { me: await accounts.findMe(userId), deviceId };
  });

  app.patch('/api/me', async (request): Promise<MeBody> => {
    const { userId, deviceId } = await guard.change(request);
    const fields = parseFields(request.body, ['nickname', 'avatar']);
    return { me: await accounts.changeProfile(userId, fields), deviceId };
  });

  app.get('/api/devices', async (request): Promise<DevicesBody> => {
    return { devices: await devices.list(await guard.read(request)) };
  });

  app.delete('/api/devices/:id', async (request): Promise<EmptyBody> => {
    const { userId } = await guard.change(request);
    await devices.logOut(userId, parseIdParameter(request, 'id'));
    return {};
  });
}

/** Names a device without a name after its browser and system. */
function withDevice(fields: Fields, request: FastifyRequest): Fields {
  const agent = request.headers['user-agent'] ?? '';
  const browser = /Edg|OPR|Firefox|Chrome|Safari/.exec(agent)?.[0];
  const system = /Android|iPhone|iPad|Windows|Mac OS|Linux/.exec(agent)?.[0];
  const names: Readonly<Record<string, string>> = { Edg: 'Edge', OPR: 'Opera', 'Mac OS': 'macOS' };
  const parts = [browser, system].flatMap((part) =>
    part === undefined ? [] : [names[part] ?? part],
  );
  return parts.length === 0 ? fields : { device: parts.join(' on '), ...fields };
}
