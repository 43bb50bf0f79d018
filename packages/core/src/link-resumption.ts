import { ByteReader, FrameError, readReceived } from '@gatewayworker/protocol';
import { RetransmitBuffer } from './retransmit-buffer.ts';

/** State of a link that another process takes over. Positions count the bytes of frames since the link is resumable. */
export interface LinkState {
  /** Bytes of frames received. */
  readonly received: number;
  /** Position of the first byte that the peer has not confirmed. */
  readonly unconfirmedFrom: number;
  /** All bytes for the peer from that position on. */
  readonly unconfirmed: Uint8Array;
}

/** State of a resumable link. */
export class LinkResumption {
  /** Time that the peer has to resume, in milliseconds. */
  readonly graceMs: number;
  readonly retransmitBuffer: RetransmitBuffer = new RetransmitBuffer();
  /** Bytes of frames received. */
  received = 0;
  /** Bytes of frames received and confirmed to the peer. */
  confirmed = 0;

  #queued: Buffer | undefined;

  constructor(graceMs: number) {
    this.graceMs = graceMs;
  }

  /**
   * Handles a Received frame `buffer[start, end)`: drops the confirmed bytes.
   *
   * @throws {GW_ERR_FRAME_MALFORMED} when it confirms more bytes than were sent
   */
  confirm(buffer: Buffer, start: number, end: number): void {
    const reader = new ByteReader();
    reader.reset(buffer, start, end);
    // After a resume the peer may retransmit old Received frames. Their lower positions change nothing.
    const position = readReceived(reader);
    if (this.retransmitBuffer.confirm(position)) return;
    throw new FrameError('GW_ERR_FRAME_MALFORMED', `received: ${position} is more than was sent`);
  }

  /** @param queued - bytes that were not written to a socket; they count as sent from now on */
  export(queued: Buffer): LinkState {
    this.#queued = queued;
    this.retransmitBuffer.add(queued);
    return {
      received: this.received,
      unconfirmedFrom: this.retransmitBuffer.start,
      unconfirmed: Buffer.concat(this.retransmitBuffer.copy()),
    };
  }

  /** Returns the bytes that `export` was given, when this process continues the link itself. */
  takeQueued(): Buffer[] {
    const queued = this.#queued === undefined ? [] : [this.#queued];
    this.#queued = undefined;
    return queued;
  }

  /** Continues from the state of another process. */
  restore({ received, unconfirmedFrom, unconfirmed }: LinkState): void {
    this.received = received;
    this.confirmed = received;
    this.retransmitBuffer.restore(unconfirmedFrom, Buffer.from(unconfirmed));
  }
}
