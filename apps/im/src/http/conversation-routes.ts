import type { FastifyInstance } from 'fastify';
import type {
  ConversationBody,
  ConversationsBody,
  MessagesBody,
  SendBody,
} from '../../shared/http-api.ts';
import { limits, rateLimits } from '../../shared/limits.ts';
import { invalid } from '../app-error.ts';
import { parseClientId, parseContent } from '../conversations/content.ts';
import { parseFields } from '../input.ts';
import type { Messenger } from '../messenger.ts';
import { RateLimiter } from '../rate-limiter.ts';
import type { Guard } from './guard.ts';
import { parseIdParameter, queryNumber } from './parameters.ts';

/** Highest `seq` that a client may send. */
const maxSeq = 2 ** 31 - 1;

/** Adds the routes for conversations, histories and messages. */
export function addConversationRoutes(
  app: FastifyInstance,
  messenger: Messenger,
  guard: Guard,
): void {
  const { conversations, messages } = messenger;
  const sends = new RateLimiter({
    burst: rateLimits.messageBurst,
    perSecond: rateLimits.messagesPerSecond,
  });

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
    const before = queryNumber(request, 'before', maxSeq);
    const after = queryNumber(request, 'after', maxSeq);
    if (before !== undefined && after !== undefined) {
      throw invalid("'before' and 'after' cannot be combined.");
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
    sends.take(userId);
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
