import type { Conversation, Me, Message, User } from '../../shared/model.ts';
import type { Outgoing } from './outgoing.ts';

export const ada: Me = { id: '1', name: 'ada', nickname: 'Ada', avatar: null, phone: null };
export const grace: User = { id: '2', name: 'grace', nickname: 'Grace', avatar: null };

/** A message of the conversation of the tests. */
export function message(seq: number, more: Partial<Message> = {}): Message {
  return {
    id: String(1000 + seq),
    conversationId: '10',
    seq,
    senderId: grace.id,
    clientId: `grace-${seq}`,
    sentAt: seq * 1000,
    content: { kind: 'text', text: `Line ${seq}` },
    ...more,
  };
}

export function messages(from: number, to: number): Message[] {
  return Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
}

/** The conversation of Ada and Grace. */
export function conversation(lastSeq: number, more: Partial<Conversation> = {}): Conversation {
  const mark = { role: 'member', deliveredSeq: 0, readSeq: 0 } as const;
  return {
    id: '10',
    kind: 'direct',
    name: null,
    createdAt: 0,
    members: [
      { userId: ada.id, ...mark },
      { userId: grace.id, ...mark },
    ],
    firstSeq: 1,
    lastSeq,
    lastMessage: lastSeq === 0 ? null : message(lastSeq),
    readSeq: lastSeq,
    unread: 0,
    barrier: null,
    ...more,
  };
}

/** An unsent message of Ada. */
export function outgoing(clientId: string, more: Partial<Outgoing> = {}): Outgoing {
  return {
    clientId,
    conversationId: '10',
    createdAt: 1,
    text: clientId,
    picture: null,
    localPicture: null,
    status: 'sending',
    problem: null,
    seq: null,
    ...more,
  };
}
