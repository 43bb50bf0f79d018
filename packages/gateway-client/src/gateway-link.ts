import {
  type FrameConnection,
  fromWire,
  GatewayWorkerError,
  RequestTable,
} from '@gatewayworker/core';
import { type Query, readMessage, writeLaneGap, writeMessage } from '@gatewayworker/protocol';

/** A link to one gateway process, while it is up. */
export class GatewayLink {
  readonly connection: FrameConnection;
  /** Address of the gateway, `host:port`. */
  readonly address: string;
  /** Random id of the gateway process, different after each start. */
  readonly instanceId: string;
  /** First field of the client ids of the gateway. */
  readonly gatewayToken: number;
  /** Name of the declaration of the gateway. */
  readonly name: string;
  /** Pending queries. */
  readonly requests: RequestTable = new RequestTable();
  /** Number of JoinGroup and BindUid commands queued for it. */
  sentJoins = 0;
  /** True once the gateway has subscribed to the lane: every send over the link has an offset from then on. */
  isNumbered = false;
  /** Highest offset that the full link has refused since the last report; 0 for none. */
  refusedOffset = 0;

  constructor(
    connection: FrameConnection,
    gateway: Pick<GatewayLink, 'address' | 'instanceId' | 'gatewayToken' | 'name'>,
  ) {
    this.connection = connection;
    this.address = gateway.address;
    this.instanceId = gateway.instanceId;
    this.gatewayToken = gateway.gatewayToken;
    this.name = gateway.name;
  }

  /** Sends a query. The gateway executes the earlier commands of this link first. */
  ask(query: Query, timeoutMs: number): Promise<unknown> {
    const { requestId, answer } = this.requests.add(timeoutMs);
    const { connection } = this;
    if (connection.isOpen) writeMessage(connection.writer(), { type: 'query', requestId, query });
    return answer;
  }

  /** Handles the answer to a query, or a part of it. */
  handleAnswer(command: number, buffer: Buffer, start: number, end: number): void {
    const message = readMessage(command, buffer, start, end);
    if (message?.type === 'queryAnswer') {
      this.requests.resolve(message.requestId, message.answer);
    } else if (message?.type === 'queryPart') {
      this.requests.addPart(message.requestId, message.part);
    } else if (message?.type === 'queryFailure') {
      this.requests.reject(message.requestId, fromWire(message));
    } else {
      throw new GatewayWorkerError('GW_ERR_FRAME_MALFORMED', 'unknown type of answer');
    }
  }

  /**
   * Reports refused sends to the gateway. Must be called before the next command, when the link has room again.
   *
   * @param source - the lane of the sends
   */
  reportRefused(source: number): void {
    if (this.refusedOffset === 0) return;
    const offset = this.refusedOffset;
    this.refusedOffset = 0;
    writeLaneGap(this.connection.writer(), { source, offset });
  }

  /** Rejects the pending queries, because the link has ended. */
  handleClosed(reason: Error | undefined): void {
    this.requests.rejectAll(
      new GatewayWorkerError('GW_ERR_LINK_CLOSED', undefined, { cause: reason }),
    );
  }
}
