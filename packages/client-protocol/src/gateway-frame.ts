import { ClientProtocolError } from './client-protocol-error.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  GAP,
  type GatewayFrame,
  GO_AWAY,
  gatewayOps,
  HANDLED,
  MESSAGE,
  PING,
  REFUSED,
  REPLY,
  SOURCE_ENDED,
  WELCOME,
} from './frames.ts';

/**
 * Encodes a frame of a gateway.
 *
 * @throws {RangeError} if an integer does not fit its field
 */
export function encodeGatewayFrame(frame: GatewayFrame): Uint8Array<ArrayBuffer> {
  const op = gatewayOps[frame.op];
  switch (frame.op) {
    case 'welcome':
      return new FrameWriter(op, 128)
        .u8(frame.isResumed ? 1 : 0)
        .string(frame.clientId)
        .bytes(frame.secret)
        .string(frame.reason)
        .varint(frame.windowMs)
        .varint(frame.pingMs)
        .varint(frame.spreadMs)
        .varint(frame.handled)
        .varint(frame.maxBytes)
        .positions(frame.positions)
        .frame();
    case 'refused':
      return new FrameWriter(op).varint(frame.status).string(frame.reason).frame();
    case 'message': {
      const { receipt, payload } = frame;
      const flags = (frame.isBinary ? 1 : 0) | (receipt === undefined ? 0 : 2);
      const writer = new FrameWriter(op, payload.length)
        .u8(flags)
        .u32(frame.source)
        .varint(frame.offset);
      if (receipt !== undefined) writer.varint(receipt);
      return writer.rest(payload).frame();
    }
    case 'reply':
      return new FrameWriter(op, frame.payload.length)
        .u8((frame.isBinary ? 1 : 0) | (frame.isFailed ? 4 : 0))
        .u32(frame.source)
        .varint(frame.offset)
        .varint(frame.number)
        .rest(frame.payload)
        .frame();
    case 'handled':
      return new FrameWriter(op).varint(frame.number).frame();
    case 'gap':
      return new FrameWriter(op)
        .u32(frame.source)
        .varint(frame.offset)
        .string(frame.reason)
        .frame();
    case 'ping':
      return new FrameWriter(op).positions(frame.positions).frame();
    case 'goAway':
      return new FrameWriter(op)
        .varint(frame.minMs)
        .varint(frame.maxMs)
        .string(frame.reason)
        .frame();
    case 'sourceEnded':
      return new FrameWriter(op).u32(frame.source).frame();
  }
}

/**
 * Decodes a frame of a gateway. Its payload and its secret are views of `bytes`, not copies.
 *
 * @throws {ClientProtocolError} if the frame is malformed
 */
export function decodeGatewayFrame(bytes: Uint8Array): GatewayFrame {
  const reader = new FrameReader(bytes);
  const frame = readFrame(reader);
  reader.end();
  return frame;
}

function readFrame(reader: FrameReader): GatewayFrame {
  const op = reader.u8();
  switch (op) {
    case WELCOME:
      return {
        op: 'welcome',
        isResumed: (reader.u8() & 1) !== 0,
        clientId: reader.string(),
        secret: reader.bytes(),
        reason: reader.string(),
        windowMs: reader.varint(),
        pingMs: reader.varint(),
        spreadMs: reader.varint(),
        handled: reader.varint(),
        maxBytes: reader.varint(),
        positions: reader.positions(),
      };
    case REFUSED:
      return { op: 'refused', status: reader.varint(400, 599), reason: reader.string() };
    case MESSAGE:
    case REPLY: {
      const flags = reader.u8();
      const source = reader.u32();
      const offset = reader.offset(source);
      const isBinary = (flags & 1) !== 0;
      if (op === MESSAGE) {
        const receipt = (flags & 2) !== 0 ? reader.varint() : undefined;
        return { op: 'message', isBinary, source, offset, receipt, payload: reader.rest() };
      }
      const isFailed = (flags & 4) !== 0;
      const number = reader.varint(1);
      return { op: 'reply', isBinary, isFailed, source, offset, number, payload: reader.rest() };
    }
    case HANDLED:
      return { op: 'handled', number: reader.varint() };
    case GAP:
      return {
        op: 'gap',
        source: reader.source(),
        offset: reader.varint(),
        reason: reader.string(),
      };
    case PING:
      return { op: 'ping', positions: reader.positions() };
    case GO_AWAY: {
      const minMs = reader.varint();
      return { op: 'goAway', minMs, maxMs: reader.varint(minMs), reason: reader.string() };
    }
    case SOURCE_ENDED:
      return { op: 'sourceEnded', source: reader.source() };
    default:
      throw new ClientProtocolError(`unknown op ${op}`);
  }
}
