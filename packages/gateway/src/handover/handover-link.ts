import type { Socket } from 'node:net';
import { type FlushScheduler, FrameConnection, GatewayWorkerError } from '@gatewayworker/core';
import { beginFrame, Command, endFrame, packValue, unpackValue } from '@gatewayworker/protocol';
import type { HandoverMessage } from './handover-messages.ts';

/** Longest message, in bytes: what a link may have unconfirmed goes in one. */
const MAX_MESSAGE_BYTES = 512 * 1024 * 1024;

/** Bytes that may wait for the other process, past which it counts as gone. */
const MAX_PENDING_BYTES = 256 * 1024 * 1024;

/** The link between a gateway and its successor: messages both ways, in order. */
export class HandoverLink<Sent extends HandoverMessage, Received extends HandoverMessage> {
  /** Resolves when the link has ended. */
  readonly closed: Promise<void>;
  /** Takes each message; the bytes in it are its own. */
  onMessage: (message: Received) => void = () => undefined;
  readonly #connection: FrameConnection;

  constructor(stream: Socket, scheduler: FlushScheduler) {
    const connection = new FrameConnection(stream, scheduler);
    this.#connection = connection;
    this.closed = connection.closed;
    connection.raiseFrameLimit(MAX_MESSAGE_BYTES);
    connection.onFrame = (_command, buffer, start, end) => {
      // The bytes of a link are read in place, and what is in the message is kept.
      const body = Buffer.from(buffer.subarray(start, end));
      // Both processes belong to one user and run the same version of these messages.
      this.onMessage(unpackValue(body) as Received);
    };
  }

  /** @throws {GW_ERR_LINK_CLOSED} once the link has ended */
  async untilLost(message: string): Promise<never> {
    await this.closed;
    throw new GatewayWorkerError('GW_ERR_LINK_CLOSED', message);
  }

  /** True until the link has ended. */
  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  /** Bytes that wait for the other process. */
  get pendingBytes(): number {
    return this.#connection.output.pendingBytes;
  }

  /** Called when the other process has read what had filled the link. */
  set onDrain(listener: () => void) {
    this.#connection.output.onDrain = listener;
  }

  /** Sends a message at the end of this turn. A process that leaves too much unread counts as gone. */
  send(message: Sent): void {
    const connection = this.#connection;
    if (!connection.isOpen) return;
    if (this.pendingBytes > MAX_PENDING_BYTES) {
      connection.destroy(new GatewayWorkerError('GW_ERR_LINK_FULL'));
      return;
    }
    const writer = connection.writer();
    const start = beginFrame(writer, Command.Handover);
    writer.writeBytes(packValue(message));
    endFrame(writer, start);
  }

  /** Sends what is queued, and closes. */
  close(): void {
    this.#connection.close();
  }
}
