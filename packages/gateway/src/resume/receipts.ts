import { randomInt } from 'node:crypto';
import { DeadlineBuckets } from '@gatewayworker/core';
import {
  type ByteReader,
  PayloadFlag,
  type ReceiptOutcome,
  type ReceiptRequest,
  readFlags,
  readNames,
  readReceiptRequest,
} from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import { originOf, readClients } from '../commands/send.ts';
import type { GatewayState } from '../gateway-state.ts';
import type { CallerLane } from './lane-table.ts';
import { messageHeader } from './message-header.ts';
import { OpenReceipt } from './open-receipt.ts';

/** Clients that have not answered, of all receipts. */
const MAX_WAITING = 100_000;

/** Sends messages with a receipt, and collects what the clients of this process answer. */
export class Receipts {
  readonly #state: GatewayState;
  readonly #clientId: (client: ClientConnection) => string;
  readonly #open = new Map<number, OpenReceipt>();
  readonly #ofLane = new Map<CallerLane, Map<number, OpenReceipt>>();
  readonly #ofClient = new Map<ClientConnection, Set<OpenReceipt>>();
  readonly #deadlines: DeadlineBuckets<OpenReceipt> = new DeadlineBuckets<OpenReceipt>(
    (receipt) => {
      for (const client of receipt.waiting.keys()) this.#forgetClient(client, receipt);
      receipt.expire();
      this.#end(receipt);
    },
  );
  /** It starts at random, so that a client that comes from another gateway confirms no receipt of this one. */
  #lastNumber = randomInt(1, 2 ** 32);
  #waiting = 0;

  constructor(state: GatewayState, clientId: (client: ClientConnection) => string) {
    this.#state = state;
    this.#clientId = clientId;
  }

  /** Number of clients that have not answered, of all receipts. */
  get size(): number {
    return this.#waiting;
  }

  /** Handles SendWithReceipt. */
  handleSend(reader: ByteReader, lane: CallerLane): void {
    const { sender, uids, limits } = this.#state;
    const request = readReceiptRequest(reader);
    const receivers = readClients(this.#state, reader);
    for (const uid of readNames(reader)) {
      for (const client of uids.get(uid) ?? []) receivers.add(client);
    }
    const flags = readFlags(reader);
    const isBinary = (flags & PayloadFlag.Binary) !== 0;
    const origin = originOf(reader, flags, lane);
    const { buffer, offset, end } = reader;
    const receipt = this.#create(lane, request);
    const isFull = this.#waiting + receivers.size > MAX_WAITING;
    if (isFull) limits.receipts += 1;
    for (const client of receivers) {
      if (client.isClosing) continue;
      const { resumable } = client;
      if (resumable === undefined) {
        const { failed } = sender;
        sender.sendMessage(client, buffer, offset, end, isBinary);
        receipt.record(client, sender.failed > failed ? 'dropped' : 'raw');
        continue;
      }
      if (!isFull) this.#wait(client, receipt);
      // A part of the replay: see `sendToOne`.
      if (resumable.isAwaiting(lane)) continue;
      const header = messageHeader(origin, isBinary, isFull ? 0 : receipt.number);
      sender.sendPrefixed(client, header, buffer, offset, end);
    }
    if (receipt.waiting.size === 0) receipt.report(isFull);
    else this.#add(receipt);
  }

  /**
   * Returns the number of the receipt for a message that a client has missed; 0 if there is no room for it.
   *
   * @param client - `undefined` if it has ended
   */
  handleReplay(
    client: ClientConnection | undefined,
    request: ReceiptRequest,
    lane: CallerLane,
  ): number {
    if (client === undefined) return 0;
    const before = this.#ofLane.get(lane)?.get(request.receiptId);
    if (before?.waiting.has(client) === true) return before.number;
    if (this.#waiting >= MAX_WAITING) {
      this.#state.limits.receipts += 1;
      return 0;
    }
    const receipt = before ?? this.#create(lane, request);
    this.#wait(client, receipt);
    if (before === undefined) this.#add(receipt);
    return receipt.number;
  }

  /** Handles Received. A repeated or forged one has no effect. */
  handleReceived(
    client: ClientConnection,
    number: number,
    isHandled: boolean,
    value: string,
  ): void {
    const receipt = this.#open.get(number);
    if (receipt === undefined || !receipt.waiting.has(client)) return;
    const { isHandledWanted, isAny } = receipt.request;
    if (isHandledWanted && !isHandled) {
      receipt.waiting.set(client, true);
      return;
    }
    this.#record(client, receipt, isHandled ? 'handled' : 'received', value);
    if (isAny) this.#end(receipt);
  }

  /** Handles the end of a client here. @param outcome - `moved` if it goes on at another gateway */
  handleEnd(client: ClientConnection, outcome: 'dropped' | 'moved'): void {
    for (const receipt of [...(this.#ofClient.get(client) ?? [])]) {
      this.#record(client, receipt, outcome);
    }
  }

  /** Reports every client as moved, before a handover. */
  handOver(): void {
    for (const client of [...this.#ofClient.keys()]) this.handleEnd(client, 'moved');
  }

  /** Forgets the receipts of a process that has ended. */
  forget(lane: CallerLane): void {
    for (const receipt of [...(this.#ofLane.get(lane)?.values() ?? [])]) this.#remove(receipt);
  }

  close(): void {
    this.#deadlines.clear();
  }

  #create(lane: CallerLane, request: ReceiptRequest): OpenReceipt {
    this.#lastNumber += 1;
    return new OpenReceipt(lane, request, this.#lastNumber, this.#clientId);
  }

  #add(receipt: OpenReceipt): void {
    const { lane, number, request } = receipt;
    this.#open.set(number, receipt);
    const ofLane = this.#ofLane.get(lane) ?? new Map<number, OpenReceipt>();
    this.#ofLane.set(lane, ofLane.set(request.receiptId, receipt));
    this.#deadlines.add(receipt, receipt.restMs);
  }

  #wait(client: ClientConnection, receipt: OpenReceipt): void {
    receipt.waiting.set(client, false);
    this.#waiting += 1;
    const ofClient = this.#ofClient.get(client);
    if (ofClient === undefined) this.#ofClient.set(client, new Set([receipt]));
    else ofClient.add(receipt);
  }

  #record(
    client: ClientConnection,
    receipt: OpenReceipt,
    outcome: ReceiptOutcome,
    value = '',
  ): void {
    this.#forgetClient(client, receipt);
    receipt.record(client, outcome, value);
    if (receipt.waiting.size === 0) this.#end(receipt);
  }

  #forgetClient(client: ClientConnection, receipt: OpenReceipt): void {
    this.#waiting -= 1;
    const ofClient = this.#ofClient.get(client);
    ofClient?.delete(receipt);
    if (ofClient?.size === 0) this.#ofClient.delete(client);
  }

  #end(receipt: OpenReceipt): void {
    if (!this.#open.has(receipt.number)) return;
    this.#remove(receipt);
    receipt.report(false);
  }

  #remove(receipt: OpenReceipt): void {
    const { lane, number, request, waiting } = receipt;
    for (const client of waiting.keys()) this.#forgetClient(client, receipt);
    waiting.clear();
    this.#open.delete(number);
    const ofLane = this.#ofLane.get(lane);
    if (ofLane?.get(request.receiptId) === receipt) ofLane.delete(request.receiptId);
    if (ofLane?.size === 0) this.#ofLane.delete(lane);
    this.#deadlines.delete(receipt);
  }
}
