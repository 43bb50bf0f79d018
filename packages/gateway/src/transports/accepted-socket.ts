import type { Socket } from 'node:net';
import type { Guard, Guarded } from '@gatewayworker/core';
import type { LimitCounters } from '../clients/limit-counters.ts';
import type { ConnectionsPerAddress } from './connections-per-address.ts';

/** Time that a client has left when it is refused, in milliseconds. */
const FAREWELL_MS = 1000;

/** What the connections of a listener have in common. */
export interface AcceptedSocketContext {
  readonly guard: Guard;
  readonly handshakeTimeoutMs: number;
  readonly limits: LimitCounters;
  /** Connections by address. */
  readonly perAddress: ConnectionsPerAddress;
  /** Connections that are one too many of their address and are told so. */
  readonly refused: ConnectionsPerAddress;
  /** Connections whose time runs. */
  readonly inHandshake: Set<Socket>;
}

/** A connection until its client is let in, or is gone: it has a bounded time to say what it wants. */
export class AcceptedSocket implements Guarded {
  /** What the client's bytes come by: the connection, or TLS on it. */
  socket: Socket;
  /** Who it comes from, as the PROXY header says if there is one. */
  remoteAddress: string;
  remotePort: number;
  /** Takes leave of a client whose time is over; without it the connection is just closed. */
  onTimeout: (() => void) | undefined;
  /** Answers a handshake that failed here; without it the connection is just closed. */
  onFailure: (() => void) | undefined;
  readonly #raw: Socket;
  readonly #context: AcceptedSocketContext;
  #timer: NodeJS.Timeout;
  #isCounted = false;
  #isOverLimit = false;

  constructor(raw: Socket, remoteAddress: string, context: AcceptedSocketContext) {
    this.#raw = raw;
    this.#context = context;
    this.socket = raw;
    this.remoteAddress = remoteAddress;
    this.remotePort = raw.remotePort ?? 0;
    this.#timer = this.#startTimer(context.handshakeTimeoutMs);
    context.inHandshake.add(raw);
    raw.on('close', this.#settle);
    // Until the protocol takes over, an error is the client's own: the socket closes by itself.
    raw.on('error', ignoreError);
  }

  /** True when it is one too many of its address: it has a second to be told so. */
  get isOverLimit(): boolean {
    return this.#isOverLimit;
  }

  /** Counts the connection for an address, unless it is counted; answers false when that has enough. */
  take(address: string): boolean {
    if (this.#isCounted) return !this.#isOverLimit;
    this.#isCounted = true;
    const { perAddress, refused, limits } = this.#context;
    if (perAddress.take(address, this.#raw)) return true;
    limits.connectionsPerIp += 1;
    this.#isOverLimit = true;
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer(FAREWELL_MS);
    // What is refused is bounded too.
    if (!refused.take(address, this.#raw)) this.#raw.destroy();
    return false;
  }

  /** The client has sent its handshake: its time runs no more. */
  stopTimer(): void {
    clearTimeout(this.#timer);
    this.#context.inHandshake.delete(this.#raw);
  }

  /** The protocol takes over, errors of the socket included. */
  settle(): void {
    this.#settle();
  }

  /** Sends a farewell and closes, whatever the client does. */
  refuse(farewell: string): void {
    const { socket } = this;
    socket.end(farewell);
    // What it still sends is dropped: bytes that nobody read would make the system reset the farewell.
    socket.resume();
    this.dropSoon();
  }

  /** Lets what was sent leave, and then closes, whatever the client does. */
  dropSoon(): void {
    this.#settle();
    for (const socket of new Set([this.#raw, this.socket])) socket.on('error', ignoreError);
    const timer = setTimeout(() => this.#raw.destroy(), FAREWELL_MS).unref();
    this.#raw.once('close', () => clearTimeout(timer));
  }

  /** Ends the connection because something of it has thrown. */
  fail(): void {
    if (this.onFailure === undefined || this.#raw.destroyed) this.#raw.destroy();
    else this.onFailure();
  }

  #startTimer(timeoutMs: number): NodeJS.Timeout {
    const { guard } = this.#context;
    return setTimeout(
      guard.wrap(
        'client handshake timeout',
        () => this.#expire(),
        () => this.#raw.destroy(),
      ),
      timeoutMs,
    );
  }

  #expire(): void {
    if (!this.#isOverLimit) this.#context.limits.handshakeTimeout += 1;
    if (this.onTimeout === undefined || this.#isOverLimit) this.#raw.destroy();
    else this.onTimeout();
  }

  readonly #settle = (): void => {
    this.stopTimer();
    this.#raw.off('close', this.#settle);
    this.#raw.off('error', ignoreError);
  };
}

function ignoreError(): void {
  // The socket closes by itself.
}
