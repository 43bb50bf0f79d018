import type { SendContent } from '../../shared/http-api.ts';
import type { Message, MessageContent, Picture } from '../../shared/model.ts';
import { AppError, invalid } from '../app-error.ts';
import type { Database, MessageRow, Write } from '../database/schema.ts';
import { type Fields, isFields, parseFields, parseHash, parseText } from '../input.ts';

/** Validates the content of a `send`. @throws {AppError} `invalid`, `text_too_long` */
export function parseContent(value: unknown): SendContent {
  const kind = isFields(value) ? value['kind'] : undefined;
  switch (kind) {
    case 'text': {
      const text = parseText(parseFields(value, ['kind', 'text'], 'content'), 'text');
      if (text === '') throw invalid('The text is empty.');
      return { kind, text };
    }
    case 'picture': {
      const fields = parseFields(value, ['kind', 'picture', 'text'], 'content');
      const text = fields['text'] === undefined ? '' : parseText(fields, 'text');
      return { kind, picture: parseHash(fields, 'picture'), text };
    }
    default:
      throw invalid("'content' must be an object whose 'kind' is 'text' or 'picture'.");
  }
}

/** Validates a client id. @throws {AppError} `invalid` */
export function parseClientId(fields: Fields): string {
  const clientId = fields['clientId'];
  if (typeof clientId === 'string' && /^[\w-]{1,64}$/.test(clientId)) return clientId;
  throw invalid("'clientId' must have 1 to 64 characters of A-Z, a-z, 0-9, _ and -.");
}

/**
 * Returns the stored form of a content. Pictures get their size, so that a page can reserve the space.
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
  throw new AppError('picture_unknown', 'The picture does not exist. Please upload it first.');
}

/** Returns the uploaded pictures among these hashes. */
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

/** The columns that store a content. */
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

/** Not validated: only `toColumns` writes these columns. */
function parseStoredContent({ kind, content }: MessageRow): MessageContent {
  return { kind, ...JSON.parse(content) } as MessageContent;
}
