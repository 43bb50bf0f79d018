import { randomUUID } from 'node:crypto';
import { DialedLink, FlushScheduler, type FrameConnection } from '@gatewayworker/core';
import {
  ByteReader,
  beginLaneTransfer,
  Command,
  DialerRole,
  endLaneTransfer,
  readLaneTransfer,
  readLaneTransferState,
  readMessage,
  writeLaneAdopted,
  writeLaneStarted,
} from '@gatewayworker/protocol';
import { captureLogger, eventually } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';

/** Fields of a LaneTransfer without sends. */
export interface FakeTransfer {
  readonly source: number;
  readonly isFirst?: boolean;
  readonly isLast?: boolean;
  readonly offset?: number;
  readonly count?: number;
}

/** A linked process that has a lane without sends, and whose frames about lanes are those that a test writes. */
export class FakeCaller {
  /** Words for the frames about transfers that it has received. */
  readonly frames: string[] = [];
  /** Handles a LaneTransfer. */
  onTransfer: (source: number) => void = () => undefined;
  /** False to leave ReplayRequests without an answer. */
  answersReplays = true;
  /** How often its link has ended. */
  downs = 0;
  #connection: FrameConnection | undefined;
  #link: DialedLink | undefined;
  readonly #source: number;
  #isStarted = false;

  private constructor(source: number) {
    this.#source = source;
  }

  /** Links to the gateway with this port; resolves once the gateway knows its lane. */
  static async open(
    port: number,
    source: number,
    role: DialerRole = DialerRole.Client,
  ): Promise<FakeCaller> {
    const caller = new FakeCaller(source);
    const link = new DialedLink({
      address: { host: '127.0.0.1', port },
      identity: { role, instanceId: randomUUID(), name: `caller-${source}`, id: 0 },
      secretKey: '',
      scheduler: new FlushScheduler(),
      logger: captureLogger().logger,
      onUp: (connection) => {
        caller.#connection = connection;
        connection.onFrame = (...frame) => caller.#receive(...frame);
      },
      onDown: () => {
        caller.downs += 1;
      },
    });
    caller.#link = link;
    onTestFinished(() => caller.close());
    await eventually(() => caller.#isStarted);
    return caller;
  }

  /** Ends the link in an orderly way. */
  async close(): Promise<void> {
    await this.#link?.close();
  }

  transfer({ source, isFirst = true, isLast = true, offset = 0, count = 0 }: FakeTransfer): void {
    const writer = this.#connection?.writer();
    if (writer === undefined) return;
    const header = { source, isFirst, offset, evictedAgeMs: 0, endedAgeMs: 0 };
    endLaneTransfer(writer, beginLaneTransfer(writer, header), { isLast, count });
  }

  adopt(source: number, offset: number): void {
    const writer = this.#connection?.writer();
    if (writer !== undefined) writeLaneAdopted(writer, { source, offset });
  }

  /** Writes any bytes. */
  write(bytes: Uint8Array): void {
    this.#connection?.writer().writeBytes(bytes);
  }

  /** Breaks the socket, as when the process is killed. */
  kill(): void {
    this.#connection?.destroy();
    void this.#link?.close();
  }

  #receive(command: number, buffer: Buffer, start: number, end: number): void {
    const reader = new ByteReader().reset(buffer, start, end);
    if (command === Command.LaneSubscribe) {
      const writer = this.#connection?.writer();
      if (writer !== undefined) writeLaneStarted(writer, { source: this.#source, offset: 0 });
      this.#isStarted = true;
    } else if (command === Command.LaneTransfer) {
      const { source, offset, count } = readLaneTransfer(reader);
      this.frames.push(`transfer ${offset}+${count}`);
      this.onTransfer(source);
    } else if (command === Command.LaneTransferState) {
      const { source, state } = readLaneTransferState(reader);
      this.frames.push(`state of ${source}: ${state}`);
    } else if (command === Command.ReplayRequest) {
      const message = readMessage(command, buffer, start, end);
      if (message?.type !== 'replayRequest') return;
      this.frames.push('replay request');
      if (!this.answersReplays) return;
      const { requestId } = message;
      this.#connection?.send({ type: 'replayDone', requestId, positions: [], gaps: [] });
    }
  }
}
