import { readFileSync } from 'node:fs';
import { FlushScheduler } from '@gatewayworker/core';
import { MemorySocket } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { HandoverLink } from './handover-link.ts';
import type { PredecessorMessage, SuccessorMessage } from './handover-messages.ts';
import { RelayedSocket } from './relayed-socket.ts';

const document = readFileSync(new URL('../../../../docs/queues.md', import.meta.url), 'utf8');
const section = document.split(/^## /m).find((text) => text.startsWith('Handover\n')) ?? '';
const rows = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');

/** A link to a peer that reads nothing. */
function stalledLink() {
  const memory = new MemorySocket();
  memory.isFull = true;
  return new HandoverLink<SuccessorMessage, PredecessorMessage>(memory, new FlushScheduler());
}

const frame = Buffer.alloc(8 * 1024 * 1024);

const producers: Readonly<Record<string, () => void>> = {
  'handover link': () => {
    const link = stalledLink();
    let sent = 0;
    while (link.isOpen && sent < 64) {
      link.send({ type: 'frame', connection: 1, frame });
      sent += 1;
    }
    expect(sent).toBeLessThanOrEqual(34);
  },
  'output of a moving client': () => {
    const info = { remoteAddress: '::1', remotePort: 1, listenPort: 2, packedRequest: undefined };
    const context = { link: stalledLink(), transport: { frame: (payload: Buffer) => payload } };
    const socket = new RelayedSocket(info, context);
    socket.sendFrame(frame);
    // `ClientSender` compares it with `sendToClientBufferSize`.
    expect(socket.pendingBytes).toBe(frame.length);
    socket.relay(1);
    expect(socket.pendingBytes).toBe(0);
  },
};

test('queues: every queue of the handover section is tested', () => {
  expect(Object.keys(producers).sort()).toEqual(rows.sort());
});

test.each(rows)('queue %s: stays within its bound', (name) => {
  producers[name]?.();
});
