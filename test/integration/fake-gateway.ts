import { randomUUID } from 'node:crypto';
import {
  DialedLink,
  FlushScheduler,
  type FrameConnection,
  FrameServer,
  parseHostPort,
} from '@gatewayworker/core';
import {
  AcceptorRole,
  ByteReader,
  beginLaneTransfer,
  Command,
  DialerRole,
  endLaneTransfer,
  type Message,
  readFlags,
  readLanePosition,
  readLaneTransferState,
  readMessage,
  readOffset,
  writeLaneSend,
  writeMessage,
} from '@gatewayworker/protocol';
import { captureLogger } from '@gatewayworker/testing';
import { onTestFinished } from 'vitest';

/** A gateway without clients, which notes the frames about lanes of its only caller. */
export class FakeGateway {
  readonly frames: string[] = [];
  link: FrameConnection | undefined;
  stop: () => Promise<void> = () => Promise.resolve();

  static async start(gatewayToken: number, registerAddress: string): Promise<FakeGateway> {
    const gateway = new FakeGateway();
    const instanceId = randomUUID();
    const name = `gateway-${gatewayToken}`;
    const { logger } = captureLogger();
    const shared = { secretKey: '', scheduler: new FlushScheduler(), logger };
    const server = new FrameServer({
      ...shared,
      identity: { role: AcceptorRole.Gateway, instanceId, name, id: 0, gatewayToken },
      allowedRoles: [DialerRole.Client],
      onLink: (connection) => {
        gateway.link = connection;
        connection.onFrame = (...frame) => gateway.#note(...frame);
      },
    });
    const port = await server.listen({ host: '127.0.0.1', port: 0 }, name);
    const link = new DialedLink({
      ...shared,
      address: parseHostPort('registerAddress', registerAddress),
      identity: { role: DialerRole.Gateway, instanceId, name, id: 0 },
      acceptorRole: AcceptorRole.Register,
      onUp: (connection) => {
        const entry = { address: `127.0.0.1:${port}`, instanceId, gatewayToken, name };
        connection.send({ type: 'gatewayAnnouncement', gateway: entry, isAgain: false });
      },
      onDown: () => undefined,
    });
    gateway.stop = async () => {
      await link.close();
      await server.close();
    };
    onTestFinished(() => gateway.stop());
    return gateway;
  }

  send(message: Message): void {
    if (this.link !== undefined) writeMessage(this.link.writer(), message);
  }

  /** Asks what a client has missed that knows nothing yet. */
  requestReplay(clientId: string): void {
    this.send({
      type: 'replayRequest',
      requestId: 1,
      clientId,
      connection: 1,
      nonceHigh: 2,
      nonceLow: 3,
      ageMs: 60_000,
      uid: undefined,
      uidAgeMs: 0,
      groups: [],
      positions: [],
    });
  }

  /** Sends a lane with one message to all clients. */
  transferLane(source: number, byteLength: number): void {
    const writer = this.link?.writer();
    if (writer === undefined) return;
    const header = { source, isFirst: true, offset: 0, evictedAgeMs: 0, endedAgeMs: 0 };
    const start = beginLaneTransfer(writer, header);
    const receivers = { kind: 'all', excluded: [] } as const;
    const payload = Buffer.alloc(byteLength);
    writeLaneSend(writer, { ageMs: 0, number: 0, isFailed: false, receivers, payload });
    endLaneTransfer(writer, start, { count: 1, isLast: true });
  }

  #note(command: number, buffer: Buffer, start: number, end: number): void {
    const reader = new ByteReader().reset(buffer, start, end);
    if (command === Command.LaneStarted) {
      this.frames.push(`started ${readLanePosition(reader).offset}`);
    } else if (command === Command.SendToClient || command === Command.Replay) {
      const name = command === Command.Replay ? 'replay' : 'live';
      reader.reset(buffer, start + (command === Command.Replay ? 16 : 12), end);
      const offset = readOffset(reader, readFlags(reader));
      this.frames.push(`${name} ${offset} ${reader.readRestUtf8()}`);
    } else if (command === Command.LaneAdopted) {
      this.frames.push(`adopted ${readLanePosition(reader).source}`);
    } else if (command === Command.LaneTransferState) {
      this.frames.push(`declined ${readLaneTransferState(reader).source}`);
    } else if (command === Command.ReplayDone) {
      const message = readMessage(command, buffer, start, end);
      if (message?.type !== 'replayDone') return;
      const missing = message.gaps.map(({ offset }) => ` gap ${offset}`).join('');
      this.frames.push(`done ${message.positions[0]?.offset}${missing}`);
    }
  }
}
