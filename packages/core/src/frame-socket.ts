import type { Socket } from 'node:net';
import { FrameDecoder, FrameError } from '@gatewayworker/protocol';
import { GatewayWorkerError } from './errors.ts';
import type { Guard } from './guard.ts';
import { formatHostPort } from './options.ts';

/** Longest frame accepted before the peer has proved itself, in bytes. */
const MAX_HANDSHAKE_FRAME_BYTES = 4096;

/** Called for each frame but those about the link itself; the body is `buffer[start, end)`, valid during the call. */
export type LinkFrameHandler = (
  command: number,
  buffer: Buffer,
  start: number,
  end: number,
) => void;

/** Who reads from a socket at the moment. */
export interface FrameSocketOwner {
  /** Takes a frame; the body is `buffer[start, end)`. Answers false to read no further. */
  handleFrame(command: number, buffer: Buffer, start: number, end: number): boolean;
  /** A chunk of frames was read. */
  handleRead(): void;
  /** The peer has ended its side. */
  handleEnd(): void;
  /** The socket failed. */
  handleBroken(error: Error): void;
  /** What came is no frame, or a listener of the socket has thrown. */
  handleBadFrame(error: Error): void;
  /** The socket is closed. */
  handleClosed(): void;
}

/** Owner of a socket that is no link's any more. */
export const noOwner: FrameSocketOwner = {
  handleFrame: () => false,
  handleRead: () => undefined,
  handleEnd: () => undefined,
  handleBroken: () => undefined,
  handleBadFrame: () => undefined,
  handleClosed: () => undefined,
};

/** One TCP socket that carries frames, read for its owner, which may change. */
export class FrameSocket {
  readonly socket: Socket;
  owner: FrameSocketOwner;
  readonly #decoder: FrameDecoder;
  /** Kept, because a socket that is closed has none any more. */
  #remoteAddress = 'unknown';

  constructor(socket: Socket, owner: FrameSocketOwner, guard: Guard) {
    this.socket = socket;
    this.owner = owner;
    this.#decoder = new FrameDecoder(
      (command, buffer, start, end) => this.#handleFrame(command, buffer, start, end),
      MAX_HANDSHAKE_FRAME_BYTES,
    );
    this.#rememberPeer();
    socket.setNoDelay(true);
    const fail = (error: Error): void => this.owner.handleBadFrame(error);
    socket.once(
      'connect',
      guard.wrap('link connect', () => this.#rememberPeer(), fail),
    );
    socket.on(
      'data',
      guard.wrap('link data', (chunk: Buffer) => this.#handleData(chunk), fail),
    );
    socket.on(
      'end',
      guard.wrap('link end', () => this.owner.handleEnd(), fail),
    );
    socket.on(
      'error',
      guard.wrap('link error', (error: Error) => this.owner.handleBroken(error), fail),
    );
    socket.on(
      'close',
      guard.wrap('link close', () => this.owner.handleClosed(), fail),
    );
  }

  /** Address of the peer, `host:port`, for logs. */
  get remoteAddress(): string {
    return this.#remoteAddress;
  }

  /** Accepts frames of full size: the peer has proved itself. */
  raiseFrameLimit(maxFrameBytes: number): void {
    this.#decoder.maxFrameBytes = maxFrameBytes;
  }

  #rememberPeer(): void {
    const { remoteAddress, remotePort } = this.socket;
    if (remoteAddress === undefined || remotePort === undefined) return;
    this.#remoteAddress = formatHostPort(remoteAddress, remotePort);
  }

  #handleData(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      // Any other exception of a handler is a fault of this process: the guard logs its stack.
      if (!(error instanceof FrameError || error instanceof GatewayWorkerError)) throw error;
      this.owner.handleBadFrame(error);
    }
    this.owner.handleRead();
  }

  #handleFrame(command: number, buffer: Buffer, start: number, end: number): boolean {
    const { owner } = this;
    const goesOn = owner.handleFrame(command, buffer, start, end);
    // The rest of the chunk is the new owner's.
    return goesOn || owner !== this.owner;
  }
}
