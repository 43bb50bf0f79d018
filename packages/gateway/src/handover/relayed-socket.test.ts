import { FlushScheduler } from '@gatewayworker/core';
import { MemorySocket } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import type { ClientClosure, ClientSocket } from '../transports/transport.ts';
import { HandoverLink } from './handover-link.ts';
import type { PredecessorMessage, SuccessorMessage } from './handover-messages.ts';
import { RelayedSocket } from './relayed-socket.ts';

/** A relayed client, and what reached its predecessor or its own socket, in order. */
function relayed() {
  const link = new HandoverLink<SuccessorMessage, PredecessorMessage>(
    new MemorySocket(),
    new FlushScheduler(),
  );
  const told: unknown[] = [];
  link.send = (message) => void told.push(message);
  const facts = { remoteAddress: '::1', remotePort: 1, listenPort: 2, packedRequest: undefined };
  const transport = { frame: (payload: Buffer) => Buffer.from(payload) };
  const socket = new RelayedSocket(facts, { link, transport });
  const own: ClientSocket = {
    ...silentSocket,
    sendFrame: (frame) => void told.push(`own ${frame}`),
    close: (by, code) => void told.push(`own close ${by} ${code}`),
  };
  return { socket, told, own };
}

test('relayed socket: what waits for the first word leaves in order', () => {
  const { socket, told } = relayed();
  socket.sendFrame(Buffer.from('one'));
  socket.setPaused(true);
  socket.sendMessage(Buffer.from('xtwo'), 1, 4, false);
  expect(told).toEqual([]);
  socket.relay(7);
  socket.destroy('server');
  expect(told).toEqual([
    { type: 'frame', connection: 7, frame: Buffer.from('one') },
    { type: 'pause', connection: 7, isPaused: true },
    { type: 'frame', connection: 7, frame: Buffer.from('two') },
    { type: 'destroy', connection: 7, by: 'server' },
  ]);
});

test('relayed socket: what is sent during a move leaves by the own socket', () => {
  const { socket, told, own } = relayed();
  socket.relay(7);
  socket.hold();
  socket.sendFrame(Buffer.from('one'));
  expect(socket.pendingBytes).toBe(3);
  socket.close('server', 1000, 'bye');
  socket.adopt(own);
  socket.sendFrame(Buffer.from('two'));
  expect(told).toEqual(['own one', 'own close server 1000', 'own two']);
});

test('relayed socket: a client that stays gets what was sent meanwhile', () => {
  const { socket, told } = relayed();
  socket.relay(7);
  socket.hold();
  socket.sendFrame(Buffer.from('one'));
  socket.relay(7);
  expect(told).toEqual([{ type: 'frame', connection: 7, frame: Buffer.from('one') }]);
});

test('relayed socket: reports its end once, and sends nothing afterwards', () => {
  const { socket, told } = relayed();
  const ends: ClientClosure[] = [];
  socket.handler = { onMessage: () => undefined, onClose: (end) => void ends.push(end) };
  socket.relay(7);
  const end = { by: 'client', code: 1000, reason: '' } as const;
  socket.handleClosed(end);
  socket.handleClosed(end);
  socket.sendFrame(Buffer.from('late'));
  expect([ends, told]).toEqual([[end], []]);
});
