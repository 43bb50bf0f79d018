import { DialedLink, FlushScheduler, type FrameConnection, FrameServer } from '@gatewayworker/core';
import { GatewayClient } from '@gatewayworker/gateway-client';
import {
  AcceptorRole,
  beginFrame,
  Command,
  DialerRole,
  endFrame,
  type Message,
  packValue,
  readMessage,
} from '@gatewayworker/protocol';
import { captureLogger, eventually, type Roles } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { roles } from './roles.ts';

/** A link to a gateway that can send any frame. */
interface RawLink {
  readonly answers: readonly Message[];
  /** How often the link has come up. */
  readonly ups: number;
  send(command: number, body: Uint8Array): void;
  ask(requestId: number): void;
}

async function openRawLink(cluster: Roles): Promise<RawLink> {
  let connection: FrameConnection | undefined;
  const answers: Message[] = [];
  const state = { ups: 0 };
  const link = new DialedLink({
    address: { host: '127.0.0.1', port: cluster.gateways[0]?.innerPort ?? 0 },
    identity: { role: DialerRole.Client, instanceId: 'raw', name: 'raw', id: 0 },
    secretKey: '',
    scheduler: new FlushScheduler(),
    logger: captureLogger().logger,
    onUp: (up) => {
      state.ups += 1;
      connection = up;
      up.onFrame = (command, buffer, start, end) => {
        const message = readMessage(command, buffer, start, end);
        if (message !== undefined) answers.push(message);
      };
    },
    onDown: () => undefined,
  });
  onTestFinished(() => link.close());
  await eventually(() => connection !== undefined);
  return {
    answers,
    get ups() {
      return state.ups;
    },
    send(command, body) {
      const writer = connection?.writer();
      if (writer === undefined) return;
      // Any number, even that of no known command.
      const start = beginFrame(writer, Command.Query);
      writer.buffer[start + 4] = command;
      writer.writeBytes(body);
      endFrame(writer, start);
    },
    ask(requestId) {
      connection?.send({ type: 'query', requestId, query: { kind: 'getAllClientIdCount' } });
    },
  };
}

const quiet = { onConnect: () => undefined };

test('unknown command: the gateway ignores it and keeps the link', async () => {
  const cluster = await roles({ events: quiet });
  const link = await openRawLink(cluster);
  const known = new Set<number>(Object.values(Command));
  for (let command = 0x80; command < 0x100; command += 1) {
    if (!known.has(command)) link.send(command, Buffer.alloc(9));
  }
  link.ask(7);
  await eventually(() => link.answers.length === 1);
  expect(link.answers).toEqual([{ type: 'queryAnswer', requestId: 7, answer: 0 }]);
  expect(link.ups).toBe(1);
});

test('unknown query: fails alone', async () => {
  const cluster = await roles({ events: quiet });
  const link = await openRawLink(cluster);
  const body = { requestId: 5, query: { kind: 'getWeather' } };
  link.send(Command.Query, packValue(body));
  link.ask(6);
  await eventually(() => link.answers.length === 2);
  expect(link.answers).toMatchObject([
    { type: 'queryFailure', requestId: 5, code: 'GW_ERR_QUERY_UNKNOWN' },
    { type: 'queryAnswer', requestId: 6 },
  ]);
});

test.each([
  ['a command that ends within an address', Command.SendToClient, [1, 2, 3], /ends within a field/],
  [
    'a list that claims more than its frame',
    Command.SendToGroups,
    [0xff, 0xff, 0xff, 0xff],
    /list of/,
  ],
  ['a session that is no object', Command.SetSession, [...Buffer.alloc(12), 0x01], /session/],
  ['a query that is no msgpack', Command.Query, [0x81], /not msgpack/],
])('%s: closes its link with one log line, other links stay', async (_name, command, body, why) => {
  const cluster = await roles({ events: { onMessage: (_id, text, ctx) => void ctx.send(text) } });
  const client = await cluster.connect();
  const link = await openRawLink(cluster);
  const before = cluster.log.length;
  link.send(command, Buffer.from(body));
  await eventually(() => link.ups === 2);
  const lines = cluster.log.slice(before).filter((line) => Number(line['level']) >= 40);
  expect(lines).toMatchObject([{ peer: 'raw#0', reason: expect.stringMatching(why) }]);
  client.send('x');
  expect(await client.next()).toBe('x');
});

test('gateway list: ignored as a whole when one address is wrong', async () => {
  const cluster = await roles({ events: quiet });
  const links: FrameConnection[] = [];
  const register = new FrameServer({
    identity: { role: AcceptorRole.Register, instanceId: 'r', name: 'r', id: 0, gatewayToken: 0 },
    secretKey: '',
    allowedRoles: [DialerRole.Client],
    scheduler: new FlushScheduler(),
    logger: captureLogger().logger,
    onLink: (connection) => {
      links.push(connection);
      if (links.length === 1) connection.send({ type: 'gatewayList', gateways: [gateway] });
    },
  });
  const port = await register.listen({ host: '127.0.0.1', port: 0 }, 'a register');
  onTestFinished(() => register.close());
  const gateway = {
    address: `127.0.0.1:${cluster.gateways[0]?.innerPort}`,
    instanceId: 'g',
    gatewayToken: 1,
    name: 'g',
  };
  const { logger, lines } = captureLogger();
  const api = await GatewayClient.connect({ registerAddress: `127.0.0.1:${port}` }, logger);
  onTestFinished(() => api.close());
  const nowhere = { ...gateway, address: 'nowhere' };
  links[0]?.send({ type: 'gatewayList', gateways: [gateway, nowhere] });
  await eventually(() => links.length === 2);
  expect(lines).toMatchObject([{ reason: expect.stringContaining('gatewayList.address') }]);
  expect(await api.getAllClientIdCount()).toBe(0);
});
