import type { ClientMessage } from '../../shared/socket-message.ts';
import { AppError, invalid } from '../app-error.ts';
import { parseClientId, parseContent } from '../conversations/content.ts';
import { type Fields, isFields, parseFields, parseIdField, parseSeq } from '../input.ts';

/** A parsed message of a client: valid, or the error to answer. */
export interface ParsedMessage {
  /** The type; null if it had none. */
  readonly about: string | null;
  readonly message: ClientMessage | AppError;
  /** Set for a `send` that can be answered by `refused`. */
  readonly refusable: { readonly clientId: string; readonly conversationId: string } | undefined;
}

/** Validates a message of a client. Does not throw, whatever the input. */
export function parseClientMessage(data: unknown): ParsedMessage {
  const fields = typeof data === 'string' ? parseJson(data) : undefined;
  const type = fields?.['type'];
  const about = typeof type === 'string' ? type.slice(0, 32) : null;
  if (fields === undefined || about === null) {
    const problem = invalid("A message must be the text of a JSON object with a 'type'.");
    return { about, message: problem, refusable: undefined };
  }
  const refusable = about === 'send' ? attempt(() => parseAddress(fields)) : undefined;
  return {
    about,
    message: attempt(() => parseMessage(fields)),
    refusable: refusable instanceof AppError ? undefined : refusable,
  };
}

function parseMessage(fields: Fields): ClientMessage {
  const type = fields['type'];
  switch (type) {
    case 'send': {
      parseFields(fields, ['type', 'clientId', 'conversationId', 'content'], 'message');
      return { type, ...parseAddress(fields), content: parseContent(fields['content']) };
    }
    case 'delivered':
    case 'read': {
      parseFields(fields, ['type', 'conversationId', 'seq'], 'message');
      const conversationId = parseIdField(fields, 'conversationId');
      return { type, conversationId, seq: parseSeq(fields, 'seq') };
    }
    case 'typing': {
      parseFields(fields, ['type', 'conversationId'], 'message');
      return { type, conversationId: parseIdField(fields, 'conversationId') };
    }
    case 'sync':
    case 'ping': {
      parseFields(fields, ['type'], 'message');
      return { type };
    }
    default:
      throw invalid('The type of the message is unknown.');
  }
}

function parseAddress(fields: Fields): { clientId: string; conversationId: string } {
  const conversationId = parseIdField(fields, 'conversationId');
  return { clientId: parseClientId(fields), conversationId };
}

function parseJson(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    // Not an error here: the caller answers it.
    return undefined;
  }
}

function attempt<T>(parse: () => T): T | AppError {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}
