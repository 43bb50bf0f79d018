import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClientMessage } from '../../shared/socket-message.ts';
import type { Outgoing } from '../store/outgoing.ts';
import { outgoing } from '../store/samples.fixture.ts';
import { Sender } from './sender.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Creates a sender with an outbox; records the sent messages. */
function createSender(...clientIds: readonly string[]) {
  const outbox: Outgoing[] = clientIds.map((clientId) => outgoing(clientId));
  const sent: string[] = [];
  const line = { isOpen: true };
  const looks = { count: 0 };
  const sender = new Sender({
    outbox() {
      looks.count += 1;
      return outbox;
    },
    transmit(message: ClientMessage) {
      if (line.isOpen && message.type === 'send') sent.push(message.clientId);
      return line.isOpen;
    },
  });
  const answer = (clientId: string) => {
    const index = outbox.findIndex((one) => one.clientId === clientId);
    outbox.splice(index, 1);
    const stamp = { id: '1', seq: 1, sentAt: 0 };
    sender.handleAnswer({ type: 'sent', clientId, conversationId: '10', ...stamp });
  };
  const refuse = (clientId: string, retryAfterMs: number) => {
    const reason = { error: 'too_fast', message: 'Too fast.', retryAfterMs } as const;
    sender.handleAnswer({ type: 'refused', clientId, conversationId: '10', ...reason });
  };
  return { sender, outbox, sent, line, looks, answer, refuse };
}

test('sender: sends messages of a conversation one after the other', () => {
  const { sender, sent, answer } = createSender('a', 'b', 'c');
  sender.flush();
  expect(sent).toEqual(['a']);
  answer('a');
  answer('b');
  answer('c');
  expect(sent).toEqual(['a', 'b', 'c']);
});

test('sender: conversations do not wait for each other', () => {
  const { sender, outbox, sent } = createSender('a', 'b');
  outbox.push(outgoing('x', { conversationId: '11' }));
  sender.flush();
  expect(sent).toEqual(['a', 'x']);
});

test('sender: a temporary refusal is retried, and later messages wait', () => {
  const { sender, sent, answer, refuse } = createSender('a', 'b');
  sender.flush();
  refuse('a', 700);
  vi.advanceTimersByTime(699);
  expect(sent).toEqual(['a']);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(['a', 'a']);
  answer('a');
  expect(sent).toEqual(['a', 'a', 'b']);
});

test('sender: resends a message without an answer after 10 s', () => {
  const { sender, sent } = createSender('a');
  sender.flush();
  vi.advanceTimersByTime(9999);
  expect(sent).toEqual(['a']);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(['a', 'a']);
});

test('sender: resends unanswered messages on the next connection, in order', () => {
  const { sender, sent, line, answer } = createSender('a', 'b');
  sender.flush();
  line.isOpen = false;
  vi.advanceTimersByTime(1000);
  line.isOpen = true;
  sender.restart();
  expect(sent).toEqual(['a', 'a']);
  answer('a');
  expect(sent).toEqual(['a', 'a', 'b']);
});

const localPicture = { url: 'blob:1', width: 1, height: 1 };

test('sender: skips failed and stored messages', () => {
  const { sender, outbox, sent } = createSender();
  outbox.push(
    outgoing('failed', { status: 'failed', localPicture }),
    outgoing('stored', { seq: 7 }),
    outgoing('text'),
  );
  sender.flush();
  expect(sent).toEqual(['text']);
});

test('sender: messages after a picture wait until it is uploaded and stored', () => {
  const { sender, outbox, sent, answer } = createSender();
  const picture = { hash: 'f', width: 1, height: 1 };
  outbox.push(
    outgoing('one', { status: 'uploading', localPicture }),
    outgoing('two', { picture, localPicture }),
    outgoing('text'),
    outgoing('elsewhere', { conversationId: '11' }),
  );
  sender.flush();
  expect(sent).toEqual(['elsewhere']);
  outbox[0] = outgoing('one', { picture, localPicture });
  sender.flush();
  expect(sent).toEqual(['elsewhere', 'one']);
  answer('one');
  answer('two');
  expect(sent).toEqual(['elsewhere', 'one', 'two', 'text']);
});

test('sender: an overdue message waits for a retried picture without a busy loop', () => {
  const { sender, outbox, sent, looks } = createSender();
  outbox.push(outgoing('picture', { status: 'failed', localPicture }), outgoing('text'));
  sender.flush();
  expect(sent).toEqual(['text']);
  outbox[0] = outgoing('picture', { status: 'uploading', localPicture });
  vi.advanceTimersByTime(20_000);
  expect(sent).toEqual(['text']);
  expect(looks.count).toBeLessThan(20);
  outbox[0] = outgoing('picture', { status: 'failed', localPicture });
  vi.advanceTimersByTime(1000);
  expect(sent).toEqual(['text', 'text']);
});

test('sender: a failed upload does not block later messages', () => {
  const { sender, outbox, sent } = createSender();
  outbox.push(outgoing('picture', { status: 'uploading', localPicture }), outgoing('text'));
  sender.flush();
  expect(sent).toEqual([]);
  outbox[0] = outgoing('picture', { status: 'failed', localPicture });
  sender.flush();
  expect(sent).toEqual(['text']);
});
