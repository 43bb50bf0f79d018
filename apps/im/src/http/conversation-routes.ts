import type { FastifyInstance } from 'fastify';
import type {
  ConversationBody,
  ConversationsBody,
  MessagesBody,
  SendBody,
} from '../../shared/http-api.ts';
import { limits, paces } from '../../shared/limits.ts';
import { invalid } from '../app-error.ts';
import { parseClientId, parseContent } from '../conversations/content.ts';
import { parseFields } from '../input.ts';
import type { Messenger } from '../messenger.ts';
import { Pace } from '../pace.ts';
import type { Guard } from './guard.ts';
import { parseIdParameter, queryNumber } from './parameters.ts';

/** Numbers of messages that a client may name. */
const lastNumber = 2 ** 31 - 1;

/** Adds conversations, their history, and sending. */
export function addConversationRoutes(
  app: FastifyInstance,
  messenger: Messenger,
  guard: Guard,
): void {
  const { conversations, messages } = messenger;
  const pace = new Pace({ burst: paces.messageBurst, perSecond: paces.messagesPerSecond });

  app.get('/api/conversations', async (request): Promise<ConversationsBody> => {
    const { userId } = await guard.read(request);
    return await conversations.list(userId);
  });

  app.get('/api/conversations/:id', async (request): Promise<ConversationBody> => {
    const { userId } = await guard.read(request);
    return await conversations.get(userId, parseIdParameter(request, 'id'));
  });

  app.get('/api/conversations/:id/messages', async (request): Promise<MessagesBody> => {
    const { userId } = await guard.read(request);
    const conversationId = parseIdParameter(request, 'id');
    const before = queryNumber(request, 'before', lastNumber);
    const after = queryNumber(request, 'after', lastNumber);
    if (before !== undefined && after !== undefined) {
      throw invalid("'before' and 'after' do not go together.");
    }
    const limit = queryNumber(request, 'limit', limits.pageSize) ?? 50;
    return await conversations.history(userId, conversationId, {
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
      limit: Math.max(1, limit),
    });
  });

  app.post('/api/conversations/:id/messages', async (request, reply): Promise<SendBody> => {
    const { userId } = await guard.read(request);
    pace.take(userId);
    const fields = parseFields(request.body, ['clientId', 'content']);
    const { message, isRepeated } = await messages.send({
      conversationId: parseIdParameter(request, 'id'),
      senderId: userId,
      clientId: parseClientId(fields),
      content: parseContent(fields['content']),
    });
    reply.code(isRepeated ? 200 : 201);
    return { message };
  });
}
