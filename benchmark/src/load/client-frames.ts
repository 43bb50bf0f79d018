import type { Framing, LoadMode } from './load-plan.ts';
import { SEND_TIME_LENGTH, writeSendTime } from './send-time.ts';

/** Digits of a client's number in uids and group messages. */
export const NUMBER_LENGTH = 5;

/** Characters around the text of a Socket.IO message. */
const SOCKET_IO_HEAD = '42["m","';
const SOCKET_IO_TAIL = '"]';

/** Bytes before the text of a message. */
export function headLength(framing: Framing): number {
  return framing === 'socket.io' ? SOCKET_IO_HEAD.length : 0;
}

/** Returns the position of the send time in the text of a message. */
export function sendTimePosition(mode: LoadMode): number {
  // t<uid> <time>, e<time>, g<time><number>
  return mode === 'uid' || mode === 'receive' ? NUMBER_LENGTH + 2 : 1;
}

/** Position of the sender's number in the text of a group message. */
export const SENDER_POSITION: number = 1 + SEND_TIME_LENGTH;

/** Formats a client's number with a fixed length. */
export function numberText(number: number): string {
  return String(number).padStart(NUMBER_LENGTH, '0');
}

/** Creates a masked frame; the key is zero, which is legal and leaves the payload readable. */
export function clientFrame(payload: string, opcode = 1): Buffer {
  const body = Buffer.from(payload);
  const head =
    body.length < 126
      ? Buffer.from([0x80 | opcode, 0x80 | body.length])
      : Buffer.from([0x80 | opcode, 0x80 | 126, body.length >> 8, body.length & 255]);
  return Buffer.concat([head, Buffer.alloc(4), body]);
}

/** Creates the frame of a message to the application. */
export function messageFrame(text: string, framing: Framing): Buffer {
  return clientFrame(framing === 'socket.io' ? SOCKET_IO_HEAD + text + SOCKET_IO_TAIL : text);
}

/** Creates the text of a message of `size` bytes, with a placeholder for the send time. */
export function messageText(
  mode: LoadMode,
  size: number,
  clients: { readonly sender: number; readonly receiver: number },
): string {
  const time = '0'.repeat(SEND_TIME_LENGTH);
  const start = {
    echo: `e${time}`,
    group: `g${time}${numberText(clients.sender)}`,
    uid: `t${numberText(clients.receiver)} ${time}`,
    receive: `t${numberText(clients.receiver)} ${time}`,
    idle: '',
  }[mode];
  return start.padEnd(size, 'x');
}

/** Reusable frames of one sender: each send writes the send time into this memory and sends it. */
export class FrameBurst {
  /** Length of one frame. */
  readonly frameLength: number;
  /** The frames, one after the other. */
  readonly bytes: Buffer;
  /** Position of the send time in a frame. */
  readonly timePosition: number;

  /** @param count - number of frames for one write */
  constructor(frame: Buffer, timePosition: number, count: number) {
    this.frameLength = frame.length;
    this.bytes = Buffer.concat(Array.from({ length: count }, () => frame));
    this.timePosition = timePosition;
  }

  /** Number of frames for one write. */
  get count(): number {
    return this.bytes.length / this.frameLength;
  }

  /** Writes the send time into the first `count` frames, and returns their length in bytes. */
  stamp(count: number, micros: number): number {
    for (let index = 0; index < count; index += 1) {
      writeSendTime(this.bytes, index * this.frameLength + this.timePosition, micros);
    }
    return count * this.frameLength;
  }
}

/** Creates the frames of a client. */
export function createBurst(
  plan: { readonly mode: LoadMode; readonly framing: Framing; readonly size: number },
  clients: { readonly sender: number; readonly receiver: number },
  count: number,
): FrameBurst {
  const text = messageText(plan.mode, plan.size, clients);
  const frame = messageFrame(text, plan.framing);
  const textStart = frame.indexOf(text);
  return new FrameBurst(frame, textStart + sendTimePosition(plan.mode), count);
}
