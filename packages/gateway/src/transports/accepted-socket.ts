import type { Socket } from 'node:net';
import type { Guard, Guarded } from '@gatewayworker/core';
import type { LimitCounters } from '../clients/limit-counters.ts';
import type { ConnectionsPerAddress } from './connections-per-address.ts';

/** Time in which a refused client can read the refusal, in milliseconds. */
const REFUSAL_TIMEOUT_MS = 1000;

/** State that the connections of a listener share. */
export interface AcceptedSocketContext {
  readonly guard: Guard;
  readonly handshakeTimeoutMs: number;
  readonly limits: LimitCounters;
  /** Counts connections by address. */
  readonly perAddress: ConnectionsPerAddress;
  /** Counts connections by address that are over the limit and get a refusal. */
  readonly refused: ConnectionsPerAddress;
  /** Connections whose handshake timer runs. */
  readonly inHandshake: Set<Socket>;
}

/** A connection until its client is admitted. It has a bounded time for the handshake. */
export class AcceptedSocket implements Guarded {
  /** The TCP socket, or the TLS socket on it. */
  socket: Socket;
  /** Address of the client, from the PROXY header if there is one. */
  remoteAddress: string;
  remotePort: number;
  /** Answers a client after the handshake timeout; if undefined, the connection is closed. */
  onTimeout: (() => void) | undefined;
  /** Answers a client after an exception; if undefined, the connection is closed. */
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
    // Ignore errors until `settle`: the socket emits `close` after each.
    raw.on('error', ignoreError);
  }

  /** True when it exceeds the limit of its address: it has a second to read the refusal. */
  get isOverLimit(): boolean {
    return this.#isOverLimit;
  }

  /** Counts the connection for an address, once. Returns false if the address has reached its limit. */
  take(address: string): boolean {
    if (this.#isCounted) return !this.#isOverLimit;
    this.#isCounted = true;
    const { perAddress, refused, limits } = this.#context;
    if (perAddress.take(address, this.#raw)) return true;
    limits.connectionsPerIp += 1;
    this.#isOverLimit = true;
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer(REFUSAL_TIMEOUT_MS);
    // Refusals are bounded too.
    if (!refused.take(address, this.#raw)) this.#raw.destroy();
    return false;
  }

  /** Stops the handshake timer; called when the client has sent its handshake. */
  stopTimer(): void {
    clearTimeout(this.#timer);
    this.#context.inHandshake.delete(this.#raw);
  }

  /** Stops handling the socket; from now on the transport handles its errors. */
  settle(): void {
    this.#settle();
  }

  /** Sends a refusal, and closes the connection within a second. */
  refuse(refusal: string): void {
    const { socket } = this;
    socket.end(refusal);
    // Discard further input: unread bytes would make the kernel reset the connection before the refusal is read.
    socket.resume();
    this.destroySoon();
  }

  /** Destroys the connection after a second, in which pending output is sent. */
  destroySoon(): void {
    this.#settle();
    for (const socket of new Set([this.#raw, this.socket])) socket.on('error', ignoreError);
    const timer = setTimeout(() => this.#raw.destroy(), REFUSAL_TIMEOUT_MS).unref();
    this.#raw.once('close', () => clearTimeout(timer));
  }

  /** Ends the connection after an exception. */
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
  // `close` follows.
}
