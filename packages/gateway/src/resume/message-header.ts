import { gatewayOps } from '@gatewayworker/client-protocol';

/** Flag of a Message and a Reply: the payload is binary. */
const BINARY = 1;

/** Flag of a Message: the sender expects a receipt. */
const RECEIPT = 2;

/** Flag of a Reply: the request has failed. */
const FAILED = 4;

/** Bytes of a varint of up to 2^53 - 1. */
const MAX_VARINT_BYTES = 8;

/** Longest header of a Message or a Reply: op, flags, source, offset, number. */
const MAX_HEADER_BYTES = 6 + 2 * MAX_VARINT_BYTES;

/** Reused for every header: it is copied into the frame at once. */
const header = Buffer.alloc(MAX_HEADER_BYTES);

/** Where a message to a client comes from. */
export interface MessageOrigin {
  /** Source of the client protocol; 0 for a message that is not repeated. */
  readonly source: number;
  readonly offset: number;
}

/** The origin of messages that are not numbered. */
export const noOrigin: MessageOrigin = { source: 0, offset: 0 };

/**
 * Encodes the header of a Message; the payload follows it. The result is valid until the next call.
 *
 * @param receipt - number of the receipt that the client sends; 0 for none
 */
export function messageHeader(
  { source, offset }: MessageOrigin,
  isBinary: boolean,
  receipt = 0,
): Buffer {
  header[0] = gatewayOps.message;
  header[1] = (isBinary ? BINARY : 0) | (receipt > 0 ? RECEIPT : 0);
  header.writeUInt32BE(source, 2);
  const end = writeVarint(offset, 6);
  return header.subarray(0, receipt > 0 ? writeVarint(receipt, end) : end);
}

/** Encodes the header of a Reply to the request with this number; the payload follows it. Valid until the next call. */
export function replyHeader(
  { source, offset }: MessageOrigin,
  number: number,
  { isBinary, isFailed }: { readonly isBinary: boolean; readonly isFailed: boolean },
): Buffer {
  header[0] = gatewayOps.reply;
  header[1] = (isBinary ? BINARY : 0) | (isFailed ? FAILED : 0);
  header.writeUInt32BE(source, 2);
  return header.subarray(0, writeVarint(number, writeVarint(offset, 6)));
}

/** Writes a varint at an index, and returns the index after it. */
function writeVarint(value: number, index: number): number {
  let rest = value;
  let at = index;
  while (rest >= 0x80) {
    header[at] = (rest % 0x80) | 0x80;
    // Not a shift: it would cut the number to 32 bits.
    rest = Math.floor(rest / 0x80);
    at += 1;
  }
  header[at] = rest;
  return at + 1;
}
