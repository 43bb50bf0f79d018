import { FlushScheduler } from '@gatewayworker/core';
import { MemorySocket } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import type { ClientClosure, ClientSocket } from '../transports/transport.ts';
import { HandoverLink } from './handover-link.ts';
import type { PredecessorMessage, SuccessorMessage } from './handover-messages.ts';
import { RelayedSocket } from './relayed-socket.ts';

/** A relayed socket, and the recorded output to the predecessor or to its own socket, in order. */
function relayed() {
  const link = new HandoverLink<SuccessorMessage, PredecessorMessage>(
    new MemorySocket(),
    new FlushScheduler(),
  );
  const sent: unknown[] = [];
  link.send = (message) => void sent.push(message);
  const info = { remoteAddress: '::1', remotePort: 1, listenPort: 2, packedRequest: undefined };
  const transport = { frame: (payload: Buffer) => Buffer.from(payload) };
  const socket = new RelayedSocket(info, { link, transport });
  const own: ClientSocket = {
    ...silentSocket,
    sendFrame: (frame) => void sent.push(`own ${frame}`),
    close: (by, code) => void sent.push(`own close ${by} ${code}`),
  };
  return { socket, sent, own };
}

test('relayed socket: relay sends the held output in order', () => {
  const { socket, sent } = relayed();
  socket.sendFrame(Buffer.from('one'));
  socket.setPaused(true);
  socket.sendMessage(Buffer.from('xtwo'), 1, 4, false);
  expect(sent).toEqual([]);
  socket.relay(7);
  socket.destroy('server');
  expect(sent).toEqual([
    { type: 'frame', connection: 7, frame: Buffer.from('one') },
    { type: 'pause', connection: 7, isPaused: true },
    { type: 'frame', connection: 7, frame: Buffer.from('two') },
    { type: 'destroy', connection: 7, by: 'server' },
  ]);
});

test('relayed socket: output during a move goes to the adopted socket', () => {
  const { socket, sent, own } = relayed();
  socket.relay(7);
  socket.hold();
  socket.sendFrame(Buffer.from('one'));
  expect(socket.pendingBytes).toBe(3);
  socket.close('server', 1000, 'bye');
  socket.adopt(own);
  socket.sendFrame(Buffer.from('two'));
  expect(sent).toEqual(['own one', 'own close server 1000', 'own two']);
});

test('relayed socket: a cancelled move sends the held output to the predecessor', () => {
  const { socket, sent } = relayed();
  socket.relay(7);
  socket.hold();
  socket.sendFrame(Buffer.from('one'));
  socket.relay(7);
  expect(sent).toEqual([{ type: 'frame', connection: 7, frame: Buffer.from('one') }]);
});

test('relayed socket: calls onClose once, and sends nothing afterwards', () => {
  const { socket, sent } = relayed();
  const ends: ClientClosure[] = [];
  socket.handler = { onMessage: () => undefined, onClose: (end) => void ends.push(end) };
  socket.relay(7);
  const end = { by: 'client', code: 1000, reason: '' } as const;
  socket.handleClosed(end);
  socket.handleClosed(end);
  socket.sendFrame(Buffer.from('late'));
  expect([ends, sent]).toEqual([[end], []]);
});
