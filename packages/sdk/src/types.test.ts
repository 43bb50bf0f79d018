import { expect, expectTypeOf, test } from 'vitest';
import { WebSocket } from 'ws';
import { connect } from './connect.ts';
import { fakeServer } from './fake-server.ts';
import type { Client, ConnectOptions, MessageInfo } from './types.ts';

interface Chat {
  ClientToServer: { text: string };
  ServerToClient: { from: string };
  Requests: {
    history: { data: { room: string }; result: string[] };
    time: { data: undefined; result: number };
  };
}

test('types: messages and requests have those of the shared interface', () => {
  const client = connect<Chat>('ws://fake', { WebSocket: fakeServer().WebSocket });
  expectTypeOf(client.send).parameter(0).toEqualTypeOf<{ text: string }>();
  expectTypeOf(client.send).returns.toEqualTypeOf<Promise<void>>();
  client.on('message', (data, info) => {
    expectTypeOf(data).toEqualTypeOf<{ from: string }>();
    expectTypeOf(info).toEqualTypeOf<MessageInfo>();
  });
  expectTypeOf(client.request<'history'>).returns.toEqualTypeOf<Promise<string[]>>();
  expectTypeOf(client.request<'time'>).returns.toEqualTypeOf<Promise<number>>();
  expectTypeOf(client.request).parameter(0).toEqualTypeOf<'history' | 'time'>();
  client.close();
  expect(client.state).toBe('closed');
});

test('types: without an interface, any data can be sent', () => {
  const client: Client = connect('ws://fake', { WebSocket: fakeServer().WebSocket });
  expectTypeOf(client.send).parameter(0).toEqualTypeOf<unknown>();
  expectTypeOf(client.request).parameter(0).toEqualTypeOf<string>();
  client.close();
});

test('types: the class of the package ws is accepted', () => {
  const options: ConnectOptions = { WebSocket };
  expect(options.WebSocket).toBe(WebSocket);
});
