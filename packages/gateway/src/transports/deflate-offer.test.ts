import { expect, test } from 'vitest';
import { chooseDeflateOffer, formatDeflateOffer } from './deflate-offer.ts';

const name = 'permessage-deflate';

test.each([
  [name, undefined],
  [`${name}; client_max_window_bits`, undefined],
  [`${name};client_max_window_bits=8; server_no_context_takeover`, undefined],
  [`${name}; server_max_window_bits=9`, 9],
  [`${name}; server_max_window_bits = "12"; client_no_context_takeover`, 12],
  [`${name}; server_max_window_bits=15`, 15],
  [`x-webkit-deflate-frame, ${name}; server_max_window_bits=10`, 10],
  [`${name}; server_max_window_bits=8, ${name}; server_max_window_bits=10, ${name}`, 10],
  [`${name}; unknown, ${name}`, undefined],
])('deflate offer: accepts %j with its window', (header, windowBits) => {
  expect(chooseDeflateOffer(header)).toEqual({ windowBits });
});

test.each([
  undefined,
  '',
  ',;=',
  'x-webkit-deflate-frame',
  `${name}2`,
  `${name}; server_max_window_bits=8`,
  `${name}; server_max_window_bits=16`,
  `${name}; server_max_window_bits=010`,
  `${name}; server_max_window_bits`,
  `${name}; server_max_window_bits=10; server_max_window_bits=10`,
  `${name}; server_no_context_takeover=1`,
  `${name}; client_max_window_bits=7`,
  `${name}; client_max_window_bits="10`,
  `${name}; mystery`,
  `${name};`,
])('deflate offer: declines %j', (header) => {
  expect(chooseDeflateOffer(header)).toBeUndefined();
});

test('deflate offer: a formatted offer parses to the same value', () => {
  for (const windowBits of [undefined, 9, 15]) {
    expect(chooseDeflateOffer(formatDeflateOffer({ windowBits }))).toEqual({ windowBits });
  }
});
