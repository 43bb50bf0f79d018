import { connect, type Socket } from 'node:net';
import {
  clientFrame,
  createBurst,
  type FrameBurst,
  headLength,
  messageFrame,
  NUMBER_LENGTH,
  numberText,
  SENDER_POSITION,
  sendTimePosition,
} from './client-frames.ts';
import { descriptorOf, writeNow } from './descriptor.ts';
import { FrameScanner, Opcode } from './frame-scanner.ts';
import type { LoadPlan } from './load-plan.ts';
import { microsSince, readSendTime } from './send-time.ts';
import type { Tally } from './tally.ts';

/** Phases of a client, in order. */
const Phase = { connecting: 0, upgrading: 1, greeting: 2, joining: 3, ready: 4 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

const CHARACTER_BRACE = 0x7b;
const CHARACTER_0 = 0x30;
const CHARACTER_2 = 0x32;
const CHARACTER_4 = 0x34;

/** Outgoing connections per local address, below its number of ports. */
const CONNECTIONS_PER_ADDRESS = 20_000;

// All connections read into the same memory: it is processed before the next read, and stays in the processor cache.
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);

/** Events of a client. */
export interface ConnectionHooks {
  /** It has received its greeting and, depending on the mode, is in its group or bound to its uid. */
  onReady(connection: LoadConnection): void;
  /** The connection has ended. */
  onClosed(connection: LoadConnection, reason: string): void;
}

/** One client: it connects, prepares, and then answers each message with the next one, as its plan requires. */
export class LoadConnection {
  /** Its number among all clients of the load. */
  readonly number: number;
  readonly #plan: LoadPlan;
  readonly #tally: Tally;
  readonly #hooks: ConnectionHooks;
  readonly #socket: Socket;
  readonly #scanner = new FrameScanner();
  readonly #isSender: boolean;
  /** Position of the text in the payload of a message. */
  readonly #textOffset: number;
  readonly #timeOffset: number;
  readonly #keepsPipeline: boolean;
  readonly #answersEverything: boolean;
  readonly #tracksArrivals: boolean;
  #burst: FrameBurst | undefined;
  #phase: Phase = Phase.connecting;
  #response = '';
  #descriptor = -1;
  /** Messages to send at the end of this read. */
  #due = 0;
  #now = 0;
  /** Whether the kernel has accepted all written bytes. */
  #isFlushed = true;

  constructor(number: number, plan: LoadPlan, tally: Tally, hooks: ConnectionHooks) {
    this.number = number;
    this.#plan = plan;
    this.#tally = tally;
    this.#hooks = hooks;
    this.#isSender = isSender(number, plan);
    this.#textOffset = headLength(plan.framing);
    this.#timeOffset = this.#textOffset + sendTimePosition(plan.mode);
    this.#keepsPipeline = plan.rate === 0;
    this.#answersEverything = plan.mode !== 'group';
    this.#tracksArrivals = plan.mode === 'group' && plan.rate > 0;
    this.#socket = this.#open();
  }

  /** Sends the first messages. */
  start(): void {
    if (this.#isSender && this.#keepsPipeline) this.#send(this.#plan.pipeline);
  }

  /** Frames and descriptor for a sender at a fixed rate. */
  get target(): { readonly descriptor: number; readonly burst: FrameBurst } {
    return { descriptor: this.#descriptor, burst: this.#burstOf() };
  }

  /** Resets the connection, so that no port stays in TIME_WAIT. */
  destroy(): void {
    this.#socket.resetAndDestroy();
  }

  #open(): Socket {
    const { ports } = this.#plan;
    const socket = connect({
      host: '127.0.0.1',
      port: ports[this.number % ports.length] ?? 0,
      ...localAddressOf(this.number),
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          this.#handleData(length);
          return true;
        },
      },
    });
    socket.on('connect', () => {
      this.#descriptor = descriptorOf(socket);
      this.#phase = Phase.upgrading;
      this.#write(upgradeRequest(this.#plan));
    });
    let reason = 'the server has closed the connection';
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      this.#descriptor = -1;
      this.#hooks.onClosed(this, reason);
    });
    return socket;
  }

  #handleData(length: number): void {
    this.#now = this.#tally.now();
    if (this.#phase === Phase.upgrading) this.#upgrade(length);
    else this.#scanner.scan(readBuffer, length, this.#visit);
    if (this.#due > 0) {
      const due = this.#due;
      this.#due = 0;
      this.#send(due);
    }
  }

  #upgrade(length: number): void {
    const before = this.#response.length;
    this.#response += readBuffer.toString('latin1', 0, length);
    const end = this.#response.indexOf('\r\n\r\n');
    if (end < 0) return;
    if (!this.#response.startsWith('HTTP/1.1 101')) {
      this.#socket.destroy(new Error(`bad handshake: ${this.#response.slice(0, 60)}`));
      return;
    }
    this.#phase = Phase.greeting;
    this.#response = '';
    const frames = Buffer.from(readBuffer.subarray(end + 4 - before, length));
    this.#scanner.scan(frames, frames.length, this.#visit);
  }

  readonly #visit = (opcode: number, buffer: Buffer, start: number, end: number): void => {
    if (opcode === Opcode.text && this.#phase === Phase.ready) this.#count(buffer, start, end);
    else if (opcode === Opcode.ping)
      this.#write(clientFrame(buffer.toString('latin1', start, end), 10));
    else if (opcode === Opcode.text) this.#getReady(buffer, start, end);
  };

  #count(buffer: Buffer, start: number, end: number): void {
    if (end - start <= this.#timeOffset) {
      this.#answerControl(buffer, start);
      return;
    }
    const tally = this.#tally;
    tally.add();
    if (tally.isMeasuring) {
      const sentAt = readSendTime(buffer, start + this.#timeOffset);
      tally.latencies.add(microsSince(sentAt, this.#now));
      if (this.#tracksArrivals) tally.recordArrival(sentAt, this.#now);
    }
    if (!this.#isSender || !this.#keepsPipeline) return;
    if (this.#answersEverything || this.#isOwn(buffer, start)) this.#due += 1;
  }

  /** Tells whether this client sent a group message. */
  #isOwn(buffer: Buffer, start: number): boolean {
    const position = start + this.#textOffset + SENDER_POSITION;
    let sender = 0;
    for (let index = 0; index < NUMBER_LENGTH; index += 1) {
      sender = sender * 10 + (buffer[position + index] ?? 0) - CHARACTER_0;
    }
    return sender === this.number;
  }

  #getReady(buffer: Buffer, start: number, end: number): void {
    if (end - start <= this.#textOffset || !this.#isMessage(buffer, start)) {
      this.#answerControl(buffer, start);
      return;
    }
    const first = buffer[start + this.#textOffset];
    if (this.#phase === Phase.greeting && first === CHARACTER_BRACE) {
      const joins = joinText(this.number, this.#plan);
      if (joins === undefined) this.#becomeReady();
      else {
        this.#phase = Phase.joining;
        this.#write(messageFrame(joins, this.#plan.framing));
      }
    } else if (this.#phase === Phase.joining) this.#becomeReady();
  }

  #isMessage(buffer: Buffer, start: number): boolean {
    if (this.#plan.framing === 'websocket') return true;
    return buffer[start] === CHARACTER_4 && buffer[start + 1] === CHARACTER_2;
  }

  /** Answers Socket.IO control packets: `0…` opens, `2` is a ping; `40` connects. */
  #answerControl(buffer: Buffer, start: number): void {
    if (this.#plan.framing === 'websocket') return;
    if (buffer[start] === CHARACTER_0) this.#write(clientFrame('40'));
    else if (buffer[start] === CHARACTER_2) this.#write(clientFrame('3'));
  }

  #becomeReady(): void {
    this.#phase = Phase.ready;
    this.#hooks.onReady(this);
  }

  #send(count: number): void {
    const burst = this.#burstOf();
    for (let left = count; left > 0; left -= burst.count) {
      const length = burst.stamp(Math.min(left, burst.count), this.#tally.now());
      this.#write(burst.bytes, length);
    }
  }

  #burstOf(): FrameBurst {
    const { connections, pipeline } = this.#plan;
    const receiver = (this.number + Math.floor(connections / 2)) % connections;
    // Two clients that send to each other may receive the messages of both in one read.
    const count = this.#plan.mode === 'uid' ? 2 * pipeline : pipeline;
    this.#burst ??= createBurst(this.#plan, { sender: this.number, receiver }, count);
    return this.#burst;
  }

  #write(bytes: Buffer, length: number = bytes.length): void {
    const written = this.#isFlushed ? writeNow(this.#descriptor, bytes, length) : 0;
    if (written === length) return;
    // The memory is reused, so the rest is copied.
    this.#isFlushed = false;
    this.#socket.write(Buffer.from(bytes.subarray(written, length)), () => {
      this.#isFlushed = this.#socket.writableLength === 0;
    });
  }
}

/** Returns a local address with free ports. The kernel selects the first one, because it finds a port faster. */
function localAddressOf(number: number): { localAddress?: string } {
  const index = Math.floor(number / CONNECTIONS_PER_ADDRESS);
  return index === 0 ? {} : { localAddress: `127.0.0.${1 + index}` };
}

function isSender(number: number, plan: LoadPlan): boolean {
  if (plan.mode === 'group') return number < plan.senders;
  return plan.mode === 'echo' || plan.mode === 'uid';
}

/** Returns the message of a client before the load begins. */
function joinText(number: number, plan: LoadPlan): string | undefined {
  if (plan.mode === 'uid' || plan.mode === 'receive') return `u${numberText(number)}`;
  return plan.mode === 'group' && number < plan.members ? 'jg' : undefined;
}

function upgradeRequest(plan: LoadPlan): Buffer {
  const path = plan.framing === 'socket.io' ? '/socket.io/?EIO=4&transport=websocket' : '/';
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
}
