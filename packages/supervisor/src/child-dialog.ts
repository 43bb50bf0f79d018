import { type ConnectionStatus, GatewayWorkerError } from '@gatewayworker/core';
import type { ChildMessage, ChildReport, ConnectionPage, MasterMessage } from './child-messages.ts';

/** What a child answers to a question. */
export type ChildAnswer = Extract<
  ChildMessage,
  { readonly type: 'gatewayworker:report' | 'gatewayworker:connections' }
>;

/** The questions of a master to one child, whatever carries them. */
export class ChildDialog {
  readonly #send: (message: MasterMessage) => void;
  readonly #reports = new Map<number, (report: ChildReport) => void>();
  readonly #pages = new Map<number, (page: ConnectionPage) => void>();
  #lastRequest = 0;

  /** @param send - does nothing when the child is gone: that is noticed by its end */
  constructor(send: (message: MasterMessage) => void) {
    this.#send = send;
  }

  /** Takes an answer; one that nobody waits for any more is dropped. */
  receive(answer: ChildAnswer): void {
    if (answer.type === 'gatewayworker:connections') {
      this.#pages.get(answer.request)?.(answer.page);
      return;
    }
    this.#reports.get(answer.request)?.(answer.report);
    this.#reports.delete(answer.request);
  }

  /** Asks for a report, however long that takes; answers the number of the question. */
  requestReport(onReport: (report: ChildReport) => void): number {
    this.#lastRequest += 1;
    this.#reports.set(this.#lastRequest, onReport);
    this.#send({ type: 'gatewayworker:report', request: this.#lastRequest });
    return this.#lastRequest;
  }

  /** Resolves with the child's report, or with `undefined` when it has not answered in time. */
  report(timeoutMs: number): Promise<ChildReport | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(undefined), timeoutMs);
      const settle = (report: ChildReport | undefined) => {
        clearTimeout(timer);
        this.#reports.delete(request);
        resolve(report);
      };
      const request = this.requestReport(settle);
    });
  }

  /**
   * Asks for the clients, page by page, each when the one before has been taken.
   *
   * @param timeoutMs - time for each page
   * @throws {GW_ERR_QUERY_TIMEOUT} when a page does not come in time
   */
  async *connections(timeoutMs: number): AsyncGenerator<readonly ConnectionStatus[]> {
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    try {
      for (let isLast = false; !isLast; ) {
        const page = await this.#requestPage(request, timeoutMs);
        yield page.connections;
        isLast = page.isLast;
      }
    } finally {
      this.#pages.delete(request);
      this.#send({ type: 'gatewayworker:forget', request });
    }
  }

  #requestPage(request: number, timeoutMs: number): Promise<ConnectionPage> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const late = `it has not answered within ${timeoutMs} ms`;
        reject(new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT', late));
      }, timeoutMs);
      this.#pages.set(request, (page) => {
        clearTimeout(timer);
        resolve(page);
      });
      this.#send({ type: 'gatewayworker:connections', request });
    });
  }
}
