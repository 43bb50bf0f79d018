import type { Socket } from 'node:net';
import { type FlushScheduler, FrameConnection, GatewayWorkerError } from '@gatewayworker/core';
import { beginFrame, Command, endFrame, packValue, unpackValue } from '@gatewayworker/protocol';
import type { HandoverMessage } from './handover-messages.ts';

/** Longest message, in bytes. One message holds all unconfirmed bytes of an inner link. */
const MAX_MESSAGE_BYTES = 512 * 1024 * 1024;

/** Pending bytes past which the link is closed. */
const MAX_PENDING_BYTES = 256 * 1024 * 1024;

/** The link between a gateway and its successor. Both sides send messages, in order. */
export class HandoverLink<Sent extends HandoverMessage, Received extends HandoverMessage> {
  /** Resolves when the link has ended. */
  readonly closed: Promise<void>;
  /** Called with each message. It may keep the bytes in the message. */
  onMessage: (message: Received) => void = () => undefined;
  readonly #connection: FrameConnection;

  constructor(stream: Socket, scheduler: FlushScheduler) {
    const connection = new FrameConnection(stream, scheduler);
    this.#connection = connection;
    this.closed = connection.closed;
    connection.raiseFrameLimit(MAX_MESSAGE_BYTES);
    connection.onFrame = (_command, buffer, start, end) => {
      // A copy, because the buffer of the link is reused.
      const body = Buffer.from(buffer.subarray(start, end));
      // No validation: both processes belong to one user, and `HANDOVER_VERSION` is compared.
      this.onMessage(unpackValue(body) as Received);
    };
  }

  /** Waits until the link has ended. @throws {GW_ERR_LINK_CLOSED} then */
  async untilLost(message: string): Promise<never> {
    await this.closed;
    throw new GatewayWorkerError('GW_ERR_LINK_CLOSED', message);
  }

  /** True until the link has ended. */
  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  /** Bytes that the other process has not read. */
  get pendingBytes(): number {
    return this.#connection.output.pendingBytes;
  }

  /** Called when the link has drained. */
  set onDrain(listener: () => void) {
    this.#connection.output.onDrain = listener;
  }

  /** Sends a message at the end of this turn. Closes the link if too many bytes are pending. */
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

  /** Sends queued messages, and closes the link. */
  close(): void {
    this.#connection.close();
  }
}
