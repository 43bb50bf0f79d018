import { type ReceiptOfDevice, ReceiptOutcome, type ReceiptRequest } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import type { CallerLane } from './lane-table.ts';
import { toU32 } from './membership-ages.ts';

/** Devices of one report: with the longest values, it takes a third of the largest frame. */
const DEVICES_PER_REPORT = 10_000;

/** A send whose sender waits for receipts of clients here. */
export class OpenReceipt {
  readonly lane: CallerLane;
  readonly request: ReceiptRequest;
  /** Its number in the frames of clients. */
  readonly number: number;
  /** Clients that have not answered; the value is true for one that has received the message. */
  readonly waiting: Map<ClientConnection, boolean> = new Map();
  readonly #startedAt: number;
  readonly #clientId: (client: ClientConnection) => string;
  readonly #devices: ReceiptOfDevice[] = [];

  constructor(
    lane: CallerLane,
    request: ReceiptRequest,
    number: number,
    clientId: (client: ClientConnection) => string,
  ) {
    this.lane = lane;
    this.request = request;
    this.number = number;
    this.#clientId = clientId;
    this.#startedAt = performance.now() - request.elapsedMs;
  }

  /** Time until the deadline, in milliseconds. */
  get restMs(): number {
    return this.request.timeoutMs - this.request.elapsedMs;
  }

  /** Records what is known about a client. */
  record(client: ClientConnection, outcome: ReceiptOutcome, value = ''): void {
    this.waiting.delete(client);
    const ms = toU32(performance.now() - this.#startedAt);
    this.#devices.push({ clientId: this.#clientId(client), outcome, ms, value });
  }

  /** Records the clients that have not answered at the deadline. */
  expire(): void {
    for (const [client, isReceived] of this.waiting) {
      if (isReceived) this.record(client, ReceiptOutcome.Received);
      else this.record(client, client.isAway ? ReceiptOutcome.Away : ReceiptOutcome.Timeout);
    }
  }

  /** Sends what is recorded to the sender. @param isFull - true if clients were left out for lack of room */
  report(isFull: boolean): void {
    const { connection } = this.lane;
    const { receiptId } = this.request;
    const { length } = this.#devices;
    for (let index = 0; index === 0 || index < length; index += DEVICES_PER_REPORT) {
      const devices = this.#devices.slice(index, index + DEVICES_PER_REPORT);
      const isComplete = index + DEVICES_PER_REPORT >= length;
      if (!connection.isOpen) return;
      connection.send({ type: 'receiptReport', receiptId, isComplete, isFull, devices });
    }
  }
}
