import {
  ByteReader,
  Command,
  FrameError,
  PayloadFlag,
  readClientRequested,
  readPosition,
} from '@gatewayworker/protocol';
import type { ClientEvent } from './client-context.ts';

/** Frames of events. Each begins with the number of its client and has at least one more byte. */
type EventCommand =
  | typeof Command.ClientMessage
  | typeof Command.ClientConnected
  | typeof Command.ClientRequested
  | typeof Command.ClientDropped
  | typeof Command.ClientResumed;

/** Bytes of the connection number at the start of a frame. */
const CONNECTION_BYTES = 4;

/** Bytes of an event before its payload: connection number and flags. */
const EVENT_HEADER_BYTES = 5;

/** Bytes of the number of a message of a client that can resume. */
const NUMBER_BYTES = 8;

const sharedReader = new ByteReader();

/** True for a frame that `readEvent` reads. */
export function isEventFrame(command: number): command is EventCommand {
  return (
    command === Command.ClientMessage ||
    command === Command.ClientConnected ||
    command === Command.ClientRequested ||
    command === Command.ClientDropped ||
    command === Command.ClientResumed
  );
}

/**
 * Reads the number of the client at the start of a frame.
 *
 * @throws {FrameError} when the frame is too short
 */
export function readConnection(buffer: Buffer, start: number, end: number): number {
  assertLength(CONNECTION_BYTES, start, end);
  return buffer.readUInt32BE(start);
}

/** Reads the same of the frame of an event, which has flags too. */
export function readEventConnection(buffer: Buffer, start: number, end: number): number {
  assertLength(EVENT_HEADER_BYTES, start, end);
  return buffer.readUInt32BE(start);
}

/**
 * Reads an event after `readEventConnection`; the body of its frame is `buffer[start, end)`.
 *
 * @throws {FrameError} when the frame is malformed
 */
export function readEvent(
  command: EventCommand,
  buffer: Buffer,
  start: number,
  end: number,
): ClientEvent {
  switch (command) {
    case Command.ClientMessage:
      return readClientMessage(buffer, start, end);
    case Command.ClientConnected:
      return { kind: 'connected', isRedelivered: isRedelivered(buffer, start) };
    case Command.ClientRequested:
      return readRequest(buffer, start, end);
    case Command.ClientDropped:
      return { kind: 'dropped', isRedelivered: isRedelivered(buffer, start) };
    case Command.ClientResumed: {
      const reader = sharedReader.reset(buffer, start + EVENT_HEADER_BYTES, end);
      const awayMs = reader.readU32();
      return { kind: 'resumed', awayMs, isRedelivered: isRedelivered(buffer, start) };
    }
  }
}

function readRequest(buffer: Buffer, start: number, end: number): ClientEvent {
  const request = readClientRequested(sharedReader.reset(buffer, start + CONNECTION_BYTES, end));
  // A copy, because the event may wait.
  const payload = Buffer.from(request.payload);
  return {
    kind: 'request',
    request: { ...request, payload },
    byteLength: payload.length,
    isRedelivered: (request.flags & PayloadFlag.Redelivered) !== 0,
  };
}

/** Checks the length of a frame. Without it, the fields of a short frame would be read from the next one. */
function assertLength(byteLength: number, start: number, end: number): void {
  if (end - start >= byteLength) return;
  throw new FrameError('GW_ERR_FRAME_MALFORMED', 'a frame ends within a field');
}

function isRedelivered(buffer: Buffer, start: number): boolean {
  return (buffer.readUInt8(start + EVENT_HEADER_BYTES - 1) & PayloadFlag.Redelivered) !== 0;
}

/** Decodes text and copies bytes, because the link reuses the buffer. */
function readClientMessage(buffer: Buffer, start: number, end: number): ClientEvent {
  const flags = buffer.readUInt8(start + EVENT_HEADER_BYTES - 1);
  let payloadStart = start + EVENT_HEADER_BYTES;
  let number = 0;
  if ((flags & PayloadFlag.Numbered) !== 0) {
    assertLength(EVENT_HEADER_BYTES + NUMBER_BYTES, start, end);
    number = readPosition(sharedReader.reset(buffer, payloadStart, end));
    payloadStart += NUMBER_BYTES;
  }
  const message =
    (flags & PayloadFlag.Binary) === 0
      ? buffer.toString('utf8', payloadStart, end)
      : Buffer.from(buffer.subarray(payloadStart, end));
  const event = { kind: 'message', message, byteLength: end - payloadStart, number } as const;
  return (flags & PayloadFlag.Redelivered) === 0 ? event : { ...event, isRedelivered: true };
}
