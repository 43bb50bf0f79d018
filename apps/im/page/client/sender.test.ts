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

/** A sender with what it has sent, and an outbox that answers can be taken from. */
function begin(...clientIds: readonly string[]) {
  const outbox: Outgoing[] = clientIds.map((clientId) => outgoing(clientId));
  const sent: string[] = [];
  const line = { isOpen: true };
  const looks = { count: 0 };
  const sender = new Sender({
    outbox() {
      looks.count += 1;
      return outbox;
    },
    say(message: ClientMessage) {
      if (line.isOpen && message.type === 'send') sent.push(message.clientId);
      return line.isOpen;
    },
  });
  const answer = (clientId: string) => {
    const index = outbox.findIndex((one) => one.clientId === clientId);
    outbox.splice(index, 1);
    const stamp = { id: '1', seq: 1, sentAt: 0 };
    sender.heard({ type: 'sent', clientId, conversationId: '10', ...stamp });
  };
  const refuse = (clientId: string, retryAfterMs: number) => {
    const reason = { error: 'too_fast', message: 'Too fast.', retryAfterMs } as const;
    sender.heard({ type: 'refused', clientId, conversationId: '10', ...reason });
  };
  return { sender, outbox, sent, line, looks, answer, refuse };
}

test('messages of a conversation are sent one after the other, in order', () => {
  const { sender, sent, answer } = begin('a', 'b', 'c');
  sender.flush();
  expect(sent).toEqual(['a']);
  answer('a');
  answer('b');
  answer('c');
  expect(sent).toEqual(['a', 'b', 'c']);
});

test('another conversation does not wait for this one', () => {
  const { sender, outbox, sent } = begin('a', 'b');
  outbox.push(outgoing('x', { conversationId: '11' }));
  sender.flush();
  expect(sent).toEqual(['a', 'x']);
});

test('what is refused for now is sent again later, and is not overtaken', () => {
  const { sender, sent, answer, refuse } = begin('a', 'b');
  sender.flush();
  refuse('a', 700);
  vi.advanceTimersByTime(699);
  expect(sent).toEqual(['a']);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(['a', 'a']);
  answer('a');
  expect(sent).toEqual(['a', 'a', 'b']);
});

test('what is not answered within 10 s is sent again', () => {
  const { sender, sent } = begin('a');
  sender.flush();
  vi.advanceTimersByTime(9999);
  expect(sent).toEqual(['a']);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(['a', 'a']);
});

test('what was not answered is sent again on the next connection, at once and in order', () => {
  const { sender, sent, line, answer } = begin('a', 'b');
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

test('nothing is sent of what has failed or is stored; the others go on', () => {
  const { sender, outbox, sent } = begin();
  outbox.push(
    outgoing('failed', { status: 'failed', localPicture }),
    outgoing('stored', { seq: 7 }),
    outgoing('text'),
  );
  sender.flush();
  expect(sent).toEqual(['text']);
});

test('what follows a picture waits until it is uploaded and stored; other conversations go on', () => {
  const { sender, outbox, sent, answer } = begin();
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

test('what is overdue behind a picture that is tried again waits for it, in peace', () => {
  const { sender, outbox, sent, looks } = begin();
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

test('a picture that cannot be uploaded holds up nobody', () => {
  const { sender, outbox, sent } = begin();
  outbox.push(outgoing('picture', { status: 'uploading', localPicture }), outgoing('text'));
  sender.flush();
  expect(sent).toEqual([]);
  outbox[0] = outgoing('picture', { status: 'failed', localPicture });
  sender.flush();
  expect(sent).toEqual(['text']);
});
