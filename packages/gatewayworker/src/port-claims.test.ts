import { expect, test } from 'vitest';
import { assertPortsDiffer, claimPorts, type PortClaim } from './port-claims.ts';

function claim(owner: string, host: string, port: number): PortClaim {
  return { owner, option: 'Gateway.listen', value: `websocket://${host}:${port}`, host, port };
}

test('port claims: different ports, or one port on different addresses, are allowed', () => {
  const claims = [claim('a', '127.0.0.1', 1), claim('b', '127.0.0.1', 2), claim('c', '::1', 1)];
  expect(() => assertPortsDiffer(claims)).not.toThrow();
});

test('port claims: an error names both declarations with the same port', () => {
  const claims = [claim('Gateway "one"', '0.0.0.0', 80), claim('Gateway "two"', '127.0.0.1', 80)];
  expect(() => assertPortsDiffer(claims)).toThrow(
    'option Gateway.listen is "websocket://127.0.0.1:80"; port 80 of Gateway "two" is also that of Gateway "one" (Gateway.listen)',
  );
});

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['127.0.0.1', '0.0.0.0'],
  ['::', '127.0.0.1'],
  ['0:0:0:0:0:0:0:0', '127.0.0.1'],
])('port claims: %s and %s overlap', (one, other) => {
  expect(() => assertPortsDiffer([claim('a', one, 80), claim('b', other, 80)])).toThrow('port 80');
});

test('port claims: are consecutive ports, none for port 0', () => {
  const ports = (first: number, count: number) =>
    claimPorts(claim('a', '127.0.0.1', first), count).map(({ port }) => port);
  expect(ports(2_900, 3)).toEqual([2_900, 2_901, 2_902]);
  expect(ports(0, 3)).toEqual([]);
});

test('port claims: detects a conflict within a range', () => {
  const ranges = [claim('a', '127.0.0.1', 2_900), claim('b', '127.0.0.1', 2_902)];
  const claims = ranges.flatMap((first) => claimPorts(first, 3));
  expect(() => assertPortsDiffer(claims)).toThrow('port 2902 of b is also that of a');
});
