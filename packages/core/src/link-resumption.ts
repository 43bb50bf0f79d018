import { ByteReader, FrameError, readReceived } from '@gatewayworker/protocol';
import { RetransmitBuffer } from './retransmit-buffer.ts';

/** What another process needs to go on with a link: positions count the bytes of its frames. */
export interface LinkState {
  /** Bytes of frames received. */
  readonly received: number;
  /** Position of the first byte that the peer has not confirmed. */
  readonly unconfirmedFrom: number;
  /** Everything that was queued for the peer from there on. */
  readonly unconfirmed: Uint8Array;
}

/** What a link that can be resumed keeps. */
export class LinkResumption {
  /** Time that the peer has to come back, in milliseconds. */
  readonly graceMs: number;
  readonly unconfirmed: RetransmitBuffer = new RetransmitBuffer();
  /** Bytes of frames received. */
  received = 0;
  /** Bytes of frames that the peer knows to be received. */
  confirmed = 0;

  #queued: Buffer | undefined;

  constructor(graceMs: number) {
    this.graceMs = graceMs;
  }

  /**
   * Forgets what the peer has, as its frame `buffer[start, end)` tells.
   *
   * @throws {GW_ERR_FRAME_MALFORMED} when so much was never sent
   */
  confirm(buffer: Buffer, start: number, end: number): void {
    const reader = new ByteReader();
    reader.reset(buffer, start, end);
    // When frames are sent again, so are those of this kind, which say less than is known by now.
    const position = readReceived(reader);
    if (this.unconfirmed.confirm(position)) return;
    throw new FrameError('GW_ERR_FRAME_MALFORMED', `received: ${position} is more than was sent`);
  }

  /** @param queued - what has not been handed to a socket; it counts as sent from now on */
  export(queued: Buffer): LinkState {
    this.#queued = queued;
    this.unconfirmed.add(queued);
    return {
      received: this.received,
      unconfirmedFrom: this.unconfirmed.start,
      unconfirmed: Buffer.concat(this.unconfirmed.copy()),
    };
  }

  /** What was queued at the export, for a link that is not given away after all. */
  takeQueued(): Buffer[] {
    const queued = this.#queued === undefined ? [] : [this.#queued];
    this.#queued = undefined;
    return queued;
  }

  /** Goes on where another process was. */
  restore({ received, unconfirmedFrom, unconfirmed }: LinkState): void {
    this.received = received;
    this.confirmed = received;
    this.unconfirmed.restore(unconfirmedFrom, Buffer.from(unconfirmed));
  }
}
