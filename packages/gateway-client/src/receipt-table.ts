import { DeadlineBuckets, GatewayWorkerError, PartialResultError } from '@gatewayworker/core';
import { type Message, type ReceiptRequest, readMessage } from '@gatewayworker/protocol';
import type { GatewayLink } from './gateway-link.ts';
import type { DeviceReceipt, ReceiptOptions, SendReceipt } from './receipt-options.ts';

/** Open receipts of this process. */
const MAX_OPEN = 100_000;

/** Time in addition to that of the caller, for the reports of gateways, in milliseconds. */
const REPORT_MS = 2000;

/** A send whose caller waits. */
export interface PendingReceipt {
  readonly receiptId: number;
  readonly options: Required<ReceiptOptions>;
  readonly sentAt: number;
  /** Offset in the lane; 0 if it is not recorded. */
  readonly offset: number;
  /** Gateways that have not sent their last report. */
  readonly waitingFor: Set<GatewayLink>;
  /** Addresses of the gateways that will not report. */
  readonly missing: Set<string>;
  readonly devices: Map<string, DeviceReceipt>;
  /** Clients that have moved to another gateway, which will report them. */
  readonly moved: Set<string>;
  cause: Error | undefined;
  readonly resolve: (receipt: SendReceipt) => void;
  readonly reject: (error: Error) => void;
}

/** The sends of this process that wait for receipts. */
export class ReceiptTable {
  readonly #pending = new Map<number, PendingReceipt>();
  /** Those that are recorded in the lane, by offset. */
  readonly #byOffset = new Map<number, PendingReceipt>();
  readonly #deadlines: DeadlineBuckets<PendingReceipt> = new DeadlineBuckets((pending) => {
    for (const { address } of pending.waitingFor) pending.missing.add(address);
    this.#finish(pending);
  });
  #lastId = 0;

  /** Number of sends that wait. */
  get size(): number {
    return this.#pending.size;
  }

  /** True when no further send can wait. */
  get isFull(): boolean {
    return this.size >= MAX_OPEN;
  }

  /**
   * Waits for the receipts of a send.
   *
   * @param send - sends the message to gateways, and returns those that have it, and those that are missing
   */
  wait(
    options: Required<ReceiptOptions>,
    offset: number,
    send: (request: ReceiptRequest) => { sent: readonly GatewayLink[]; missing: readonly string[] },
  ): Promise<SendReceipt> {
    this.#lastId = (this.#lastId + 1) >>> 0;
    const receiptId = this.#lastId;
    return new Promise((resolve, reject) => {
      const { sent, missing } = send(requestOf(receiptId, options, 0));
      const pending: PendingReceipt = {
        ...{ receiptId, options, sentAt: performance.now(), offset, cause: undefined },
        waitingFor: new Set(sent),
        missing: new Set(missing),
        devices: new Map(),
        moved: new Set(),
        ...{ resolve, reject },
      };
      this.#pending.set(receiptId, pending);
      if (offset > 0) this.#byOffset.set(offset, pending);
      this.#deadlines.add(pending, options.timeoutMs + REPORT_MS);
      this.#finishIfComplete(pending);
    });
  }

  /** Handles ReceiptReport. */
  handleFrame(link: GatewayLink, ...frame: Parameters<typeof readMessage>): void {
    const message = readMessage(...frame);
    if (message?.type === 'receiptReport') this.handleReport(link, message);
  }

  /** Handles what a gateway knows about a send. */
  handleReport(link: GatewayLink, report: Message<'receiptReport'>): void {
    const pending = this.#pending.get(report.receiptId);
    if (pending === undefined) return;
    for (const { clientId, outcome, ms, value } of report.devices) {
      const isKnown = pending.devices.has(clientId);
      if (outcome === 'moved') {
        if (!isKnown) pending.moved.add(clientId);
        continue;
      }
      pending.moved.delete(clientId);
      // The first answer counts: a client that has lost its memory may answer again.
      if (!isKnown) pending.devices.set(clientId, { clientId, outcome, ms, value });
    }
    if (report.isFull) {
      pending.missing.add(link.address);
      pending.cause ??= new GatewayWorkerError('GW_ERR_RECEIPTS_FULL');
    }
    if (report.isComplete) pending.waitingFor.delete(link);
    this.#finishIfComplete(pending);
  }

  /**
   * Returns what a client that gets a recorded send in a replay must be asked for, and waits for its answer.
   *
   * @returns `undefined` when the caller does not wait for a receipt of this send
   */
  replay(offset: number, clientId: string): ReceiptRequest | undefined {
    const pending = this.#byOffset.get(offset);
    if (pending === undefined) return undefined;
    const { receiptId, options, sentAt } = pending;
    const elapsedMs = Math.floor(performance.now() - sentAt);
    if (elapsedMs >= options.timeoutMs) return undefined;
    if (!pending.devices.has(clientId)) pending.moved.add(clientId);
    return requestOf(receiptId, options, elapsedMs);
  }

  /** Handles the end of a link: the gateway sends no more reports. */
  handleDown(link: GatewayLink): void {
    for (const pending of [...this.#pending.values()]) {
      if (!pending.waitingFor.delete(link)) continue;
      pending.missing.add(link.address);
      this.#finishIfComplete(pending);
    }
  }

  /** Rejects every send that waits. */
  close(): void {
    for (const pending of [...this.#pending.values()]) {
      this.#forget(pending);
      pending.reject(new GatewayWorkerError('GW_ERR_LINK_CLOSED'));
    }
  }

  #finishIfComplete(pending: PendingReceipt): void {
    const { waitingFor, moved, missing, offset } = pending;
    if (isAnswered(pending)) {
      this.#finish(pending);
      return;
    }
    // The clients of a gateway that has died resume elsewhere, where a replay brings them the message.
    const mayResume = missing.size > 0 && offset > 0 && pending.cause === undefined;
    if (waitingFor.size === 0 && moved.size === 0 && !mayResume) this.#finish(pending);
  }

  #finish(pending: PendingReceipt): void {
    this.#forget(pending);
    const { devices, moved, missing, options, sentAt, cause } = pending;
    const isEnough = isAnswered(pending);
    const found = [...devices.values()];
    const ms = Math.round(performance.now() - sentAt);
    if (!isEnough) {
      for (const clientId of moved) found.push({ clientId, outcome: 'timeout', ms, value: '' });
    }
    const receipt = { offline: found.length === 0, devices: found };
    if (missing.size === 0 || (options.any && isEnough)) pending.resolve(receipt);
    else pending.reject(new PartialResultError(receipt, [...missing], { cause }));
  }

  #forget(pending: PendingReceipt): void {
    this.#pending.delete(pending.receiptId);
    this.#byOffset.delete(pending.offset);
    this.#deadlines.delete(pending);
  }
}

/** True when a client has answered and one answer is enough. */
function isAnswered({ options: { any, receipt }, devices }: PendingReceipt): boolean {
  if (!any) return false;
  for (const { outcome } of devices.values()) {
    if (outcome === 'handled' || outcome === receipt) return true;
  }
  return false;
}

function requestOf(
  receiptId: number,
  options: Required<ReceiptOptions>,
  elapsedMs: number,
): ReceiptRequest {
  const { receipt, timeoutMs } = options;
  const isHandledWanted = receipt === 'handled';
  return { receiptId, isHandledWanted, isAny: options.any, timeoutMs, elapsedMs };
}
