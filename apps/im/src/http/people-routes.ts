import type { FastifyInstance } from 'fastify';
import type {
  AcceptBody,
  EmptyBody,
  FoundUsersBody,
  FriendRequestBody,
  RelationsBody,
} from '../../shared/http-api.ts';
import { parseFields, parseIdField } from '../input.ts';
import type { Messenger } from '../messenger.ts';
import type { Guard } from './guard.ts';
import { parseIdParameter, queryText } from './parameters.ts';

/** Adds the routes for search, friends, friend requests and blocks. */
export function addPeopleRoutes(app: FastifyInstance, messenger: Messenger, guard: Guard): void {
  const { people, conversations } = messenger;

  app.get('/api/users', async (request): Promise<FoundUsersBody> => {
    // Rate-limited like a change, against listing all users.
    const { userId } = await guard.change(request);
    return { users: await people.search(userId, queryText(request, 'query')) };
  });

  app.get('/api/friends', async (request): Promise<RelationsBody> => {
    const { userId } = await guard.read(request);
    return await people.relations(userId);
  });

  app.post('/api/friend-requests', async (request, reply): Promise<FriendRequestBody> => {
    const { userId } = await guard.change(request);
    const fields = parseFields(request.body, ['userId']);
    const outcome = await people.request(userId, parseIdField(fields, 'userId'));
    reply.code(201);
    return outcome;
  });

  app.post('/api/friend-requests/:userId/accept', async (request): Promise<AcceptBody> => {
    const { userId } = await guard.change(request);
    const friend = await people.accept(userId, parseIdParameter(request, 'userId'));
    const { conversation } = await conversations.get(userId, friend.conversationId);
    return { friend, conversation };
  });

  app.post('/api/friend-requests/:userId/decline', async (request): Promise<EmptyBody> => {
    const { userId } = await guard.change(request);
    await people.endRequest(parseIdParameter(request, 'userId'), userId);
    return {};
  });

  app.delete('/api/friend-requests/:userId', async (request): Promise<EmptyBody> => {
    const { userId } = await guard.change(request);
    await people.endRequest(userId, parseIdParameter(request, 'userId'));
    return {};
  });

  app.delete('/api/friends/:userId', async (request): Promise<EmptyBody> => {
    const { userId } = await guard.change(request);
    await people.unfriend(userId, parseIdParameter(request, 'userId'));
    return {};
  });

  app.put('/api/blocks/:userId', async (request): Promise<EmptyBody> => {
    const { userId } = await guard.change(request);
    await people.block(userId, parseIdParameter(request, 'userId'));
    return {};
  });

  app.delete('/api/blocks/:userId', async (request): Promise<EmptyBody> => {
    const { userId } = await guard.change(request);
    await people.unblock(userId, parseIdParameter(request, 'userId'));
    return {};
  });
}
