import { type FrameConnection, GatewayWorkerError, RequestTable } from '@gatewayworker/core';
import { type Query, writeMessage } from '@gatewayworker/protocol';

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

  /** Rejects the pending queries, because the link has ended. */
  handleClosed(reason: Error | undefined): void {
    this.requests.rejectAll(
      new GatewayWorkerError('GW_ERR_LINK_CLOSED', undefined, { cause: reason }),
    );
  }
}
