import type { Guard } from '@gatewayworker/core';
import { ClosedBy } from '@gatewayworker/protocol';
import type { ClientConnection } from './client-connection.ts';
import type { ClientSender } from './client-sender.ts';
import { type ClientTable, TABLE_PARTS } from './client-table.ts';
import type { LimitCounters } from './limit-counters.ts';

/** Heartbeat options of a gateway. */
export interface HeartbeatOptions {
  /** Seconds between two checks of a client; 0 disables the heartbeat. */
  readonly pingInterval: number;
  /** Intervals without any byte after which a client is expired; 0 sends pings and expires none. */
  readonly pingNotResponseLimit: number;
  /** Sent as a text message; if empty, a ping of the protocol is sent, where it has one. */
  readonly pingData: string;
}

/** Dependencies of the heartbeat. */
export interface HeartbeatContext {
  readonly clients: ClientTable;
  readonly sender: ClientSender;
  readonly limits: LimitCounters;
  readonly guard: Guard;
}

/**
 * Checks every client once per interval, one part of the table at a time. It pings each client, and expires one from
 * which no byte arrives for `pingNotResponseLimit` intervals.
 *
 * Any received byte counts: a message, a pong, or a part of a long message.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #context: HeartbeatContext;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #pingFrame: Buffer | undefined;
  /** Checks a client. An exception ends that client only. */
  readonly #checkGuarded: (client: ClientConnection) => void;
  #part = 0;

  constructor(options: HeartbeatOptions, context: HeartbeatContext) {
    this.#options = options;
    this.#context = context;
    const { pingInterval, pingData } = options;
    this.#checkGuarded = context.guard.wrap(
      'client heartbeat',
      (client: ClientConnection) => this.#check(client),
      (error, client) => client.socket.fail(error),
    );
    if (pingInterval === 0) return;
    if (pingData !== '') this.#pingFrame = context.sender.frame(Buffer.from(pingData), false);
    this.#timer = setInterval(() => this.#checkPart(), (pingInterval * 1000) / TABLE_PARTS);
  }

  /** Stops the checks. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #checkPart(): void {
    for (const client of this.#context.clients.part(this.#part)) this.#checkGuarded(client);
    this.#part = (this.#part + 1) % TABLE_PARTS;
  }

  #check(client: ClientConnection): void {
    const { socket } = client;
    // No bytes can arrive from a paused client; the predecessor checks a relayed one.
    if (client.isClosing || client.isPaused || client.isAway || socket.isRelayed) return;
    const { bytesRead } = socket;
    if (bytesRead !== client.seenBytes) {
      client.seenBytes = bytesRead;
      client.silentBeats = 0;
      this.#ping(client);
      return;
    }
    client.silentBeats += 1;
    const { pingNotResponseLimit } = this.#options;
    if (pingNotResponseLimit === 0 || client.silentBeats < pingNotResponseLimit) {
      this.#ping(client);
      return;
    }
    this.#context.limits.heartbeat += 1;
    if (client.resumable === undefined) this.#context.sender.destroy(client, ClosedBy.Heartbeat);
    else client.resumable.destroy(ClosedBy.Heartbeat);
  }

  #ping(client: ClientConnection): void {
    const isRaw = client.resumable === undefined;
    if (this.#pingFrame === undefined || !isRaw) client.socket.ping();
    else this.#context.sender.sendFrame(client, this.#pingFrame);
  }
}
