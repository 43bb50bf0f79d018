import { type FrameConnection, GatewayWorkerError, RequestTable } from '@gatewayworker/core';
import { type Query, writeMessage } from '@gatewayworker/protocol';

/** A link to one gateway process that is up. */
export class GatewayLink {
  readonly connection: FrameConnection;
  /** Where it was dialed, `host:port`. */
  readonly address: string;
  /** Random id of the gateway process, new at every start. */
  readonly instanceId: string;
  /** First field of the ids of its clients. */
  readonly gatewayToken: number;
  /** Name of its declaration. */
  readonly name: string;
  /** Queries that wait for an answer. */
  readonly requests: RequestTable = new RequestTable();
  /** JoinGroup and BindUid handed to it. */
  sentJoins = 0;

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

  /** Asks the gateway; commands sent before over this link are carried out first. */
  ask(query: Query, timeoutMs: number): Promise<unknown> {
    const { requestId, answer } = this.requests.add(timeoutMs);
    const { connection } = this;
    if (connection.isOpen) writeMessage(connection.writer(), { type: 'query', requestId, query });
    return answer;
  }

  /** Rejects what waits for an answer: the link is down. */
  handleClosed(reason: Error | undefined): void {
    this.requests.rejectAll(
      new GatewayWorkerError('GW_ERR_LINK_CLOSED', undefined, { cause: reason }),
    );
  }
}
