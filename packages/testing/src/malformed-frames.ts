/** Frames of a client that no decoder may accept, by what is wrong with them. */
export const malformedClientFrames: readonly (readonly [what: string, hex: string])[] = [
  ['no byte', ''],
  ['an unknown op', '09'],
  ['an op of the gateway', '85 01'],
  ['a Hello of another version', '01 02 00'],
  ['bytes after a Hello', '01 01 00 00'],
  ['bytes after a Pong', '05 00'],
  ['a token that is longer than the frame', '01 01 01 05 41'],
  ['a token that is not UTF-8', '01 01 01 02 c3 28'],
  ['a varint of nine bytes', '04 80 80 80 80 80 80 80 80 01'],
  ['a varint above 2^53 - 1', '04 80 80 80 80 80 80 80 10'],
  ['number 0', '02 00 00 68'],
  ['1,025 positions', '01 01 02 00 00 81 08'],
  ['a position in source 0', '01 01 02 00 00 01 00 00 00 00 01'],
  ['two positions in a source', '01 01 02 00 00 02 00 00 00 01 01 00 00 00 01 02'],
  ['a Received of an unknown state', '07 01 03'],
  ['a Received that is not UTF-8', '07 01 01 ff'],
];

/** Bytes from hexadecimal digits, with any spaces between them. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}
