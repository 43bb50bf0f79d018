import { expect, test } from 'vitest';
import { detectFormat } from './picture-format.ts';

test.each([
  ['\xff\xd8\xff\xe0', 'jpeg'],
  ['\x89PNG\r\n\x1a\n', 'png'],
  ['RIFF\x10\x00\x00\x00WEBPVP8 ', 'webp'],
  ['GIF89a', 'gif'],
  ['<svg xmlns="', undefined],
  ['%PDF-1.7', undefined],
  ['RIFF\x10\x00\x00\x00WAVE', undefined],
  ['', undefined],
])('picture format: %j is %s', (head, format) => {
  expect(detectFormat(Buffer.from(head, 'latin1'))).toBe(format);
});
