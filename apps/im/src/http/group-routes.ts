import type { FastifyInstance } from 'fastify';
import type {
  ConversationBody,
  EmptyBody,
  InvitationBody,
  InvitationPreviewBody,
} from '../../shared/http-api.ts';
import { limits } from '../../shared/limits.ts';
import { parseFields, parseIds, parseLine } from '../input.ts';
import type { Messenger } from '../messenger.ts';
import type { Guard } from './guard.ts';
import { parseIdParameter, textParameter } from './parameters.ts';

/** Adds the routes for groups, their members and invitations. */
export function addGroupRoutes(app: FastifyInstance, messenger: Messenger, guard: Guard): void {
  const { groups, conversations } = messenger;

  app.post('/api/groups', async (request, reply): Promise<ConversationBody> => {
    const { userId } = await guard.change(request);
    const fields = parseFields(request.body, ['name', 'userIds']);
    const name = parseLine(fields, 'name', limits.groupName);
    const others =
      fields['userIds'] === undefined ? [] : parseIds(fields, 'userIds', limits.groupMembers);
    const id = await groups.create(userId, name, others);
    reply.code(201);
    return await conversations.get(userId, id);
  });

  app.patch('/api/groups/:id', async (request): Promise<ConversationBody> => {
    const { userId } = await guard.change(request);
    const id = parseIdParameter(request, 'id');
    const fields = parseFields(request.body, ['name']);
    await groups.rename(userId, id, parseLine(fields, 'name', limits.groupName));
    return await conversations.get(userId, id);
  });

  app.post('/api/groups/:id/members', async (request): Promise<ConversationBody> => {
    const { userId } = await guard.change(request);
    const id = parseIdParameter(request, 'id');
    const fields = parseFields(request.body, ['userIds']);
    await groups.add(userId, id, parseIds(fields, 'userIds', limits.groupMembers));
    return await conversations.get(userId, id);
  });

  app.delete('/api/groups/:id/members/:userId', async (request): Promise<ConversationBody> => {
    const { userId } = await guard.change(request);
    const id = parseIdParameter(request, 'id');
    await groups.remove(userId, id, parseIdParameter(request, 'userId'));
    return await conversations.get(userId, id);
  });

  app.post('/api/groups/:id/leave', async (request): Promise<EmptyBody> => {
    const { userId } = await guard.change(request);
    await groups.leave(userId, parseIdParameter(request, 'id'));
    return {};
  });

  addInvitationRoutes(app, messenger, guard);
}

function addInvitationRoutes(app: FastifyInstance, messenger: Messenger, guard: Guard): void {
  const { invitations, conversations } = messenger;

  app.post('/api/groups/:id/invitations', async (request, reply): Promise<InvitationBody> => {
    const { userId } = await guard.change(request);
    const invitation = await invitations.create(userId, parseIdParameter(request, 'id'));
    reply.code(201);
    return invitation;
  });

  app.get('/api/invitations/:code', async (request): Promise<InvitationPreviewBody> => {
    // Rate-limited like a change, against guessing of codes.
    const { userId } = await guard.change(request);
    return await invitations.preview(userId, textParameter(request, 'code'));
  });

  app.delete('/api/invitations/:code', async (request): Promise<EmptyBody> => {
    const { userId } = await guard.change(request);
    await invitations.withdraw(userId, textParameter(request, 'code'));
    return {};
  });

  app.post('/api/invitations/:code/join', async (request): Promise<ConversationBody> => {
    const { userId } = await guard.change(request);
    const id = await invitations.join(userId, textParameter(request, 'code'));
    return await conversations.get(userId, id);
  });
}
