import type { Guard } from '@gatewayworker/core';
import { ClosedBy } from '@gatewayworker/protocol';
import type { ClientConnection } from './client-connection.ts';
import type { ClientSender } from './client-sender.ts';
import { type ClientTable, TABLE_PARTS } from './client-table.ts';
import type { LimitCounters } from './limit-counters.ts';

/** How clients are checked for life. */
export interface HeartbeatOptions {
  /** Seconds between two looks at a client; 0 never looks. */
  readonly pingInterval: number;
  /** Intervals of silence after which a client is gone; 0 pings and never gives up. */
  readonly pingNotResponseLimit: number;
  /** Sent as a text message; empty sends a ping of the protocol, where it has one. */
  readonly pingData: string;
}

/** What the heartbeat works on. */
export interface HeartbeatContext {
  readonly clients: ClientTable;
  readonly sender: ClientSender;
  readonly limits: LimitCounters;
  readonly guard: Guard;
}

/**
 * Looks at every client once per interval, a part of the table at a time: whom nothing came from is
 * asked for a sign of life, and is dropped when it stays silent.
 *
 * Any byte from the client counts, so a message, a pong and a part of a long message all do.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #context: HeartbeatContext;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #pingFrame: Buffer | undefined;
  /** Checks a client; an exception ends that client only. */
  readonly #look: (client: ClientConnection) => void;
  #part = 0;

  constructor(options: HeartbeatOptions, context: HeartbeatContext) {
    this.#options = options;
    this.#context = context;
    const { pingInterval, pingData } = options;
    this.#look = context.guard.wrap(
      'client heartbeat',
      (client: ClientConnection) => this.#check(client),
      (error, client) => client.socket.fail(error),
    );
    if (pingInterval === 0) return;
    if (pingData !== '') this.#pingFrame = context.sender.frame(Buffer.from(pingData), false);
    this.#timer = setInterval(() => this.#beat(), (pingInterval * 1000) / TABLE_PARTS);
  }

  /** Looks at nobody any more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    for (const client of this.#context.clients.part(this.#part)) this.#look(client);
    this.#part = (this.#part + 1) % TABLE_PARTS;
  }

  #check(client: ClientConnection): void {
    const { socket } = client;
    // Who is not read from cannot be heard.
    if (client.isClosing || client.isPaused || socket.isRelayed) return;
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
    this.#context.sender.destroy(client, ClosedBy.Heartbeat);
  }

  #ping(client: ClientConnection): void {
    if (this.#pingFrame === undefined) client.socket.ping();
    else this.#context.sender.sendFrame(client, this.#pingFrame);
  }
}
