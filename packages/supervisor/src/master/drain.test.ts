import { expect, test } from 'vitest';
import { findGateways, type GatewayProcess } from './drain.ts';

function gateway(name: string, id: number): GatewayProcess {
  return {
    ...{ name, id, label: `${name} #${id}` },
    connections: async () => undefined,
    drain: async () => false,
    undrain: async () => true,
  };
}

const gateways = [gateway('front', 0), gateway('front', 1), gateway('back', 0)];

test.each([
  [undefined, ['front #0', 'front #1', 'back #0']],
  ['front', ['front #0', 'front #1']],
  ['front#1', ['front #1']],
])('find gateways: %s selects %j', (name, labels) => {
  expect(findGateways(gateways, name).map(({ label }) => label)).toEqual(labels);
});

test.each([
  [gateways, 'door', 'there is no gateway "door"; known: front#0, front#1, back#0'],
  [[], 'door', 'there is no gateway "door"; known: none'],
  [[], undefined, 'this start file declares no gateway'],
])('find gateways: of %j, %s fails with GW_ERR_NOT_DECLARED', (known, name, message) => {
  expect(() => findGateways(known, name)).toThrow(
    expect.objectContaining({ code: 'GW_ERR_NOT_DECLARED', message }),
  );
});
