import type { Socket } from 'node:net';
import { FrameDecoder, FrameError } from '@gatewayworker/protocol';
import { GatewayWorkerError } from './errors.ts';
import type { Guard } from './guard.ts';
import { formatHostPort } from './options.ts';

/** Longest frame accepted before the peer has authenticated, in bytes. */
const MAX_HANDSHAKE_FRAME_BYTES = 4096;

/** Called for each frame that is not about the link itself; the body is `buffer[start, end)`, valid during the call. */
export type LinkFrameHandler = (
  command: number,
  buffer: Buffer,
  start: number,
  end: number,
) => void;

/** Receiver of the events of a socket. */
export interface FrameSocketOwner {
  /** Takes a frame; the body is `buffer[start, end)`. Returns false to stop reading. */
  handleFrame(command: number, buffer: Buffer, start: number, end: number): boolean;
  /** A chunk was read, and its frames were handled. */
  handleRead(): void;
  /** The peer has ended its side. */
  handleEnd(): void;
  /** The socket failed. */
  handleBroken(error: Error): void;
  /** The bytes are no frame, or a listener of the socket has thrown. */
  handleBadFrame(error: Error): void;
  /** The socket is closed. */
  handleClosed(): void;
}

/** Owner of a socket that no link uses any more. */
export const noOwner: FrameSocketOwner = {
  handleFrame: () => false,
  handleRead: () => undefined,
  handleEnd: () => undefined,
  handleBroken: () => undefined,
  handleBadFrame: () => undefined,
  handleClosed: () => undefined,
};

/** One TCP socket that carries frames. It passes them to its owner, which may change. */
export class FrameSocket {
  readonly socket: Socket;
  owner: FrameSocketOwner;
  readonly #decoder: FrameDecoder;
  /** A copy, because a closed socket no longer has its address. */
  #remoteAddress = 'unknown';

  constructor(socket: Socket, owner: FrameSocketOwner, guard: Guard) {
    this.socket = socket;
    this.owner = owner;
    this.#decoder = new FrameDecoder(
      (command, buffer, start, end) => this.#handleFrame(command, buffer, start, end),
      MAX_HANDSHAKE_FRAME_BYTES,
    );
    this.#storeRemoteAddress();
    socket.setNoDelay(true);
    const fail = (error: Error): void => this.owner.handleBadFrame(error);
    socket.once(
      'connect',
      guard.wrap('link connect', () => this.#storeRemoteAddress(), fail),
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

  /** Accepts frames of full size. For use once the peer has authenticated. */
  raiseFrameLimit(maxFrameBytes: number): void {
    this.#decoder.maxFrameBytes = maxFrameBytes;
  }

  #storeRemoteAddress(): void {
    const { remoteAddress, remotePort } = this.socket;
    if (remoteAddress === undefined || remotePort === undefined) return;
    this.#remoteAddress = formatHostPort(remoteAddress, remotePort);
  }

  #handleData(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      // Any other exception is a fault of this process, so the guard logs its stack.
      if (!(error instanceof FrameError || error instanceof GatewayWorkerError)) throw error;
      this.owner.handleBadFrame(error);
    }
    this.owner.handleRead();
  }

  #handleFrame(command: number, buffer: Buffer, start: number, end: number): boolean {
    const { owner } = this;
    const wantsMore = owner.handleFrame(command, buffer, start, end);
    // If the frame changed the owner, the rest of the chunk belongs to the new one.
    return wantsMore || owner !== this.owner;
  }
}
