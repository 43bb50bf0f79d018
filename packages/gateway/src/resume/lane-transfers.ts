import {
  type ByteReader,
  FrameError,
  forwardLaneTransfer,
  LaneTransferState,
  readLaneTransfer,
  type SourcePosition,
  writeLaneTransferState,
} from '@gatewayworker/protocol';
import type { Caller } from '../commands/caller.ts';
import type { CallerLane, LaneTable } from './lane-table.ts';

/** A lane that moves from a process that ends to another one. */
interface LaneTransfer {
  readonly sender: CallerLane;
  readonly target: CallerLane;
  /** Offset of the last send that was passed on. */
  offset: number;
  /** True while the link of the target is full. */
  isWaiting: boolean;
}

/**
 * Passes the lanes of processes that end on to other processes, which have no links to each other.
 *
 * The sends are not read. The next frame of a lane is asked for when the link of the target has taken the last one.
 */
export class LaneTransfers {
  readonly #lanes: LaneTable;
  readonly #callers: () => Iterable<Caller>;
  /** By source. */
  readonly #transfers = new Map<number, LaneTransfer>();

  /** @param callers - the linked processes */
  constructor(lanes: LaneTable, callers: () => Iterable<Caller>) {
    this.#lanes = lanes;
    this.#callers = callers;
  }

  /**
   * Handles LaneTransfer.
   *
   * @throws {GW_ERR_FRAME_MALFORMED} when the lane is not one of the sender, or a frame does not follow the one before it
   */
  handleFrame(sender: CallerLane, reader: ByteReader): void {
    const { buffer, offset: start, end } = reader;
    const { source, isFirst, offset, count } = readLaneTransfer(reader);
    if (!sender.has(source)) {
      throw new FrameError('GW_ERR_FRAME_MALFORMED', `lane ${source} is not one of the sender`);
    }
    sender.isEnding = true;
    if (isFirst) this.#begin(sender, source, offset);
    const transfer = this.#transfers.get(source);
    // The target has ended, or the transfer has begun at the predecessor of this gateway.
    if (transfer?.sender !== sender) {
      sendState(sender, source, LaneTransferState.Declined);
      return;
    }
    if (offset !== transfer.offset) {
      const text = `a lane continues at ${offset} instead of ${transfer.offset}`;
      throw new FrameError('GW_ERR_FRAME_MALFORMED', text);
    }
    transfer.offset += count;
    const { connection } = transfer.target;
    forwardLaneTransfer(connection.writer(), reader.reset(buffer, start, end));
    // Flush first: if the kernel takes all of it, no drain event follows.
    connection.output.flush();
    transfer.isWaiting = connection.output.isBlocked;
    if (!transfer.isWaiting) sendState(sender, source, LaneTransferState.More);
  }

  /** Continues the transfers to a link that has room again. */
  resume(target: CallerLane): void {
    for (const [source, transfer] of this.#transfers) {
      if (transfer.target !== target || !transfer.isWaiting) continue;
      transfer.isWaiting = false;
      sendState(transfer.sender, source, LaneTransferState.More);
    }
  }

  /** Handles LaneAdopted: tells the processes that had the lane before that they may end. */
  handleAdopted(lane: CallerLane, { source, offset }: SourcePosition): void {
    if (source === 0) throw new FrameError('GW_ERR_FRAME_MALFORMED', 'a lane has the source 0');
    this.#lanes.adopt(lane, source, offset);
    this.#transfers.delete(source);
    for (const other of this.#lanes.all) {
      if (other !== lane && other.has(source)) sendState(other, source, LaneTransferState.Taken);
    }
  }

  /** Handles LaneTransferState of a target, which declines a lane. */
  handleState(target: CallerLane, source: number): void {
    const transfer = this.#transfers.get(source);
    if (transfer?.target === target) this.#decline(source, transfer);
  }

  /** Ends the transfers from and to a process whose link has ended. */
  remove(lane: CallerLane): void {
    for (const [source, transfer] of this.#transfers) {
      if (transfer.target === lane) this.#decline(source, transfer);
      else if (transfer.sender === lane) this.#transfers.delete(source);
    }
  }

  #begin(sender: CallerLane, source: number, offset: number): void {
    const target = this.#transfers.get(source)?.target ?? this.#findTarget();
    if (target === undefined) this.#transfers.delete(source);
    else this.#transfers.set(source, { sender, target, offset, isWaiting: false });
  }

  /** Finds the process with the fewest lanes; a worker if there is one, because other callers end sooner. */
  #findTarget(): CallerLane | undefined {
    let best: Caller | undefined;
    for (const caller of this.#callers()) {
      if (!canAdopt(caller)) continue;
      if (best === undefined || isBetter(caller, best)) best = caller;
    }
    return best?.lane;
  }

  #decline(source: number, { sender }: LaneTransfer): void {
    this.#transfers.delete(source);
    sendState(sender, source, LaneTransferState.Declined);
  }
}

function canAdopt({ worker, lane }: Caller): boolean {
  const { connection, source, isEnding } = lane;
  const isLinked = connection.isOpen && !connection.isSuspended;
  return isLinked && source !== 0 && !isEnding && worker?.isDraining !== true;
}

function isBetter(caller: Caller, best: Caller): boolean {
  if ((caller.worker === undefined) !== (best.worker === undefined)) {
    return caller.worker !== undefined;
  }
  return caller.lane.adopted.size < best.lane.adopted.size;
}

function sendState({ connection }: CallerLane, source: number, state: LaneTransferState): void {
  if (connection.isOpen) writeLaneTransferState(connection.writer(), source, state);
}
