import { expect, test } from 'vitest';
import { describeDialFailure, withoutAddresses } from './dial-failure.ts';
import { GatewayWorkerError } from './errors.ts';

test('describeDialFailure: names the peer, its address and the reason', () => {
  const refused = new GatewayWorkerError('GW_ERR_AUTHENTICATION_FAILED');
  expect(describeDialFailure('register', '127.0.0.1:1236', refused)).toBe(
    'the register at 127.0.0.1:1236 cannot be linked: The secretKey differs from that of the peer',
  );
  const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  const unavailable = new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', 'connect', { cause });
  expect(describeDialFailure('gateway', '127.0.0.1:2000', unavailable)).toBe(
    'the gateway at 127.0.0.1:2000 cannot be reached (ECONNREFUSED)',
  );
  const late = new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', 'the peer took too long');
  expect(describeDialFailure('gateway', '127.0.0.1:2000', late)).toBe(
    'the gateway at 127.0.0.1:2000 cannot be linked: the peer took too long',
  );
});

test('withoutAddresses: removes addresses and keeps the reason', () => {
  const failure =
    'the register at 127.0.0.1:1236 cannot be linked: The secretKey differs from that of the peer';
  expect(withoutAddresses(`no register is linked: ${failure}, ${failure}`)).toBe(
    'no register is linked',
  );
  expect(withoutAddresses('no worker "a: b" is linked')).toBe('no worker "a: b" is linked');
});
