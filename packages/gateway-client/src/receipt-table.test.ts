import { FlushScheduler, FrameConnection, PartialResultError } from '@gatewayworker/core';
import type { Message, ReceiptRequest } from '@gatewayworker/protocol';
import { MemorySocket } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { GatewayLink } from './gateway-link.ts';
import type { ReceiptOptions, SendReceipt } from './receipt-options.ts';
import { parseReceiptOptions } from './receipt-options.ts';
import { ReceiptTable } from './receipt-table.ts';

function linkTo(gatewayToken: number): GatewayLink {
  return new GatewayLink(new FrameConnection(new MemorySocket(), new FlushScheduler()), {
    address: `10.0.0.${gatewayToken}:2900`,
    instanceId: `instance-${gatewayToken}`,
    gatewayToken,
    name: 'gateway',
  });
}

const links = [linkTo(1), linkTo(2)] as const;

type Report = Partial<Omit<Message<'receiptReport'>, 'type' | 'devices'>> & {
  /** Outcomes by client id. */
  readonly of?: Record<string, Message<'receiptReport'>['devices'][number]['outcome']>;
};

/** A send to both gateways that waits for receipts. */
function waitFor(options: Partial<ReceiptOptions> = {}, offset = 0) {
  const table = new ReceiptTable();
  let request: ReceiptRequest | undefined;
  const parsed = parseReceiptOptions({ receipt: 'received', timeoutMs: 60_000, ...options });
  const settled = table.wait(parsed, offset, (made) => {
    request = made;
    return { sent: links, missing: [] };
  });
  const state: { result: SendReceipt | undefined; error: unknown } = {
    result: undefined,
    error: undefined,
  };
  settled.then(
    (result) => {
      state.result = result;
    },
    (error: unknown) => {
      state.error = error;
    },
  );
  const report = async (link: GatewayLink, { of = {}, ...given }: Report): Promise<void> => {
    const devices = Object.entries(of).map(([clientId, outcome]) => {
      return { clientId, outcome, ms: 1, value: '' };
    });
    const receiptId = request?.receiptId ?? 0;
    const answer = { receiptId, isComplete: true, isFull: false, devices, ...given };
    table.handleReport(link, { type: 'receiptReport', ...answer });
    await Promise.resolve();
  };
  return { table, state, report };
}

/** Outcomes by client id. */
function outcomesOf(receipt: SendReceipt | undefined): unknown {
  return receipt && Object.fromEntries(receipt.devices.map((one) => [one.clientId, one.outcome]));
}

test('ReceiptTable: waits for the last report of every gateway', async () => {
  const { table, state, report } = waitFor();
  await report(links[0], { of: { a: 'raw' }, isComplete: false });
  await report(links[0], { of: { b: 'received' } });
  await report(links[0], { of: { x: 'raw' }, receiptId: 77 });
  expect(state.result).toBeUndefined();
  await report(links[1], {});
  expect(outcomesOf(state.result)).toEqual({ a: 'raw', b: 'received' });
  expect([state.result?.offline, table.size]).toEqual([false, 0]);
});

test('ReceiptTable: without clients the receivers are offline', async () => {
  const { state, report } = waitFor();
  await report(links[0], {});
  await report(links[1], {});
  expect(state.result).toEqual({ offline: true, devices: [] });
});

test('ReceiptTable: a client that has moved is reported by the other gateway', async () => {
  const { state, report } = waitFor();
  await report(links[0], { of: { a: 'moved' } });
  await report(links[1], {});
  expect(state.result).toBeUndefined();
  await report(links[1], { of: { a: 'received' } });
  expect(outcomesOf(state.result)).toEqual({ a: 'received' });
});

test('ReceiptTable: the order of two reports of a client does not matter', async () => {
  const { state, report } = waitFor();
  await report(links[1], { of: { a: 'handled' } });
  await report(links[0], { of: { a: 'moved' } });
  expect(outcomesOf(state.result)).toEqual({ a: 'handled' });
});

test('ReceiptTable: a gateway that ends is missing', async () => {
  const { table, state, report } = waitFor();
  await report(links[0], { of: { a: 'received' } });
  table.handleDown(links[0]);
  expect(state.error).toBeUndefined();
  table.handleDown(links[1]);
  await Promise.resolve();
  expect(state.error).toBeInstanceOf(PartialResultError);
  expect(state.error).toMatchObject({
    missing: [links[1].address],
    partial: { offline: false, devices: [{ clientId: 'a' }] },
  });
});

test('ReceiptTable: clients of a dead gateway may answer after a replay', async () => {
  const { table, state, report } = waitFor({ timeoutMs: 1 }, 7);
  expect(table.replay(8, 'a')).toBeUndefined();
  const kept = waitFor({}, 7);
  expect(kept.table.replay(7, 'a')).toMatchObject({ receiptId: 1, timeoutMs: 60_000 });
  await kept.report(links[1], {});
  kept.table.handleDown(links[0]);
  await kept.report(links[1], { of: { a: 'received' } });
  // Other clients of the dead gateway may follow.
  expect(kept.state).toEqual({ result: undefined, error: undefined });
  kept.table.close();
  await Promise.resolve();
  expect(kept.state.error).toMatchObject({ code: 'GW_ERR_LINK_CLOSED' });
  await report(links[0], {});
  await report(links[1], {});
  expect(state.result?.offline).toBe(true);
});

test('ReceiptTable: a gateway without room makes the result partial', async () => {
  const { state, report } = waitFor();
  await report(links[0], { isFull: true });
  await report(links[1], { of: { a: 'received' } });
  expect(state.error).toMatchObject({
    code: 'GW_ERR_PARTIAL_RESULT',
    missing: [links[0].address],
    cause: { code: 'GW_ERR_RECEIPTS_FULL' },
  });
});

test('ReceiptTable: with any, the first receipt is the result', async () => {
  const { state, report } = waitFor({ receipt: 'handled', any: true });
  await report(links[0], { of: { raw: 'raw', gone: 'dropped' }, isComplete: false });
  expect(state.result).toBeUndefined();
  await report(links[1], { of: { a: 'handled' } });
  expect(outcomesOf(state.result)).toEqual({ raw: 'raw', gone: 'dropped', a: 'handled' });
});

test('ReceiptTable: takes at most 100,000 sends', () => {
  const table = new ReceiptTable();
  const options = parseReceiptOptions({ receipt: 'received', timeoutMs: 60_000 });
  const ignore = (): void => undefined;
  for (let count = 0; count < 100_000; count += 1) {
    expect(table.isFull).toBe(false);
    table.wait(options, count, () => ({ sent: links, missing: [] })).catch(ignore);
  }
  expect(table.isFull).toBe(true);
  table.close();
  expect([table.size, table.isFull]).toEqual([0, false]);
});

test.each([
  [{}, TypeError],
  [{ receipt: 'seen', timeoutMs: 1 }, TypeError],
  [{ receipt: 'handled' }, TypeError],
  [{ receipt: 'handled', timeoutMs: 1.5 }, TypeError],
  [{ receipt: 'handled', timeoutMs: '1' }, TypeError],
  [{ receipt: 'handled', timeoutMs: 0 }, RangeError],
  [{ receipt: 'handled', timeoutMs: 3_600_001 }, RangeError],
  [{ receipt: 'handled', timeoutMs: 1, any: 1 }, TypeError],
  [{ receipt: 'handled', timeoutMs: 1, all: true }, TypeError],
  [null, TypeError],
])('parseReceiptOptions: refuses %j', (options, error) => {
  expect(() => Reflect.apply(parseReceiptOptions, undefined, [options])).toThrow(error);
});
