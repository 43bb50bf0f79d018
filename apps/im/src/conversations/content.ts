import type { SendContent } from '../../shared/http-api.ts';
import type { Message, MessageContent, Picture } from '../../shared/model.ts';
import { AppError, invalid } from '../app-error.ts';
import type { Database, MessageRow, Write } from '../database/schema.ts';
import { type Fields, isFields, parseFields, parseHash, parseText } from '../input.ts';

/** Reads what somebody wants to send. @throws {AppError} `invalid`, `text_too_long` */
export function parseContent(value: unknown): SendContent {
  const kind = isFields(value) ? value['kind'] : undefined;
  switch (kind) {
    case 'text': {
      const text = parseText(parseFields(value, ['kind', 'text'], 'content'), 'text');
      if (text === '') throw invalid('There is nothing to send.');
      return { kind, text };
    }
    case 'picture': {
      const fields = parseFields(value, ['kind', 'picture', 'text'], 'content');
      const text = fields['text'] === undefined ? '' : parseText(fields, 'text');
      return { kind, picture: parseHash(fields, 'picture'), text };
    }
    default:
      throw invalid("'content' has to be an object whose 'kind' is 'text' or 'picture'.");
  }
}

/** Reads a client id. @throws {AppError} `invalid` */
export function parseClientId(fields: Fields): string {
  const clientId = fields['clientId'];
  if (typeof clientId === 'string' && /^[\w-]{1,64}$/.test(clientId)) return clientId;
  throw invalid("'clientId' needs 1 to 64 characters of A-Z, a-z, 0-9, _ and -.");
}

/**
 * What is stored of a content: pictures with their size, so that a page can leave room for them.
 *
 * @throws {AppError} `picture_unknown`
 */
export function completeContent(
  content: SendContent,
  pictures: ReadonlyMap<string, Picture>,
): MessageContent {
  if (content.kind === 'text') return content;
  const picture = pictures.get(content.picture);
  if (picture !== undefined) return { kind: 'picture', picture, text: content.text ?? '' };
  throw new AppError('picture_unknown', 'There is no such picture. Please upload it first.');
}

/** The pictures of these hashes that were uploaded. */
export async function findPictures(
  db: Database | Write,
  hashes: readonly string[],
): Promise<Map<string, Picture>> {
  if (hashes.length === 0) return new Map();
  const rows = await db
    .selectFrom('pictures')
    .select(['hash', 'width', 'height'])
    .where('hash', 'in', [...new Set(hashes)])
    .execute();
  return new Map(rows.map((row) => [row.hash, row]));
}

/** The columns that hold a content. */
export function toColumns(content: MessageContent): Pick<MessageRow, 'kind' | 'content'> {
  const { kind, ...rest } = content;
  return { kind, content: JSON.stringify(rest) };
}

export function toMessage(row: MessageRow): Message {
  return {
    id: row.id,
    conversationId: row.conversation_id,
    seq: row.seq,
    senderId: row.sender_id,
    clientId: row.client_id,
    sentAt: row.sent_at,
    content: parseStoredContent(row),
  };
}

/** Nobody but `toColumns` writes these. */
function parseStoredContent({ kind, content }: MessageRow): MessageContent {
  return { kind, ...JSON.parse(content) } as MessageContent;
}
