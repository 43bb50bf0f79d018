import { encodeCall } from '@gatewayworker/client-protocol';
import type { Call } from './call.ts';
import { ClientError, type ClientErrorCode } from './client-error.ts';

/** The calls that the application has not confirmed, in their order. */
export class Outbox {
  /** Number of the last frame that was sent. */
  lastNumber = 0;
  #bytes = 0;
  readonly #unsent: Call[] = [];
  readonly #sent = new Map<number, Call>();
  readonly #maxMessages: number;
  readonly #maxBytes: number;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  /** Number of calls that have not settled. */
  get pending(): number {
    return [...this.#sent.values(), ...this.#unsent].filter((call) => !call.isSettled).length;
  }

  /** Adds a call, or fails it if the outbox is full. */
  add(call: Call): void {
    const bytes = this.#bytes + call.bytes;
    if (this.#unsent.length + this.#sent.size >= this.#maxMessages || bytes > this.#maxBytes) {
      call.settle(new ClientError('queue-full'));
      return;
    }
    this.#bytes = bytes;
    this.#unsent.push(call);
  }

  /** Sends what was not sent yet. A frame longer than `maxBytes` fails. */
  flush(send: (frame: Uint8Array<ArrayBuffer>) => void, maxBytes: number): void {
    for (let call = this.#unsent.shift(); call !== undefined; call = this.#unsent.shift()) {
      const { type, isBinary, payload } = call;
      const number = this.lastNumber + 1;
      const frame = encodeCall(number, type, isBinary, payload);
      if (frame.length > maxBytes) {
        this.#failAll([call], 'too-large');
        continue;
      }
      this.lastNumber = number;
      call.number = number;
      call.frame = frame;
      this.#sent.set(number, call);
      send(frame);
    }
  }

  /** Sends again what is above a number, which the gateway has received. */
  resend(number: number, send: (frame: Uint8Array<ArrayBuffer>) => void): void {
    // A page that was reloaded may have sent more than it has stored.
    this.lastNumber = Math.max(this.lastNumber, number);
    for (const call of this.#sent.values()) {
      if (call.number > number && call.frame !== undefined) send(call.frame);
    }
  }

  /** The application has handled every call up to a number. */
  handle(number: number): void {
    for (const call of this.#sent.values()) {
      if (call.number > number) return;
      this.#release(call);
      if (call.type === undefined) call.settle(undefined);
      if (call.isSettled) this.#sent.delete(call.number);
    }
  }

  /** The request with this number, if it waits for its reply. */
  request(number: number): Call | undefined {
    const call = this.#sent.get(number);
    return call?.type === undefined || call.isSettled ? undefined : call;
  }

  /** Removes a settled call, unless it may have to be sent again to keep the order of the numbers. */
  remove(call: Call): void {
    const index = this.#unsent.indexOf(call);
    if (index >= 0) {
      this.#unsent.splice(index, 1);
      this.#release(call);
    } else if (call.frame === undefined) {
      this.#sent.delete(call.number);
    }
  }

  /** Fails every call that was sent: the session in which it has a number has ended. */
  lose(code: ClientErrorCode = 'session-lost'): void {
    this.lastNumber = 0;
    const calls = [...this.#sent.values()];
    this.#sent.clear();
    this.#failAll(calls, code);
  }

  /** Fails every call that was not sent. */
  clear(code: ClientErrorCode): void {
    this.#failAll(this.#unsent.splice(0), code);
  }

  #failAll(calls: readonly Call[], code: ClientErrorCode): void {
    for (const call of calls) {
      this.#release(call);
      call.settle(new ClientError(code));
    }
  }

  /** The application has confirmed a call, or it is never sent. */
  #release(call: Call): void {
    this.#bytes -= call.bytes;
    call.bytes = 0;
    call.frame = undefined;
  }
}
