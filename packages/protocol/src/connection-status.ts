/** One client in the output of `connections`, as a gateway process sends it over its control socket. */
export interface ConnectionStatus {
  readonly clientId: string;
  /** `host:port` of the client. For a client of a trusted proxy it is that of the client, not of the proxy. */
  readonly remoteAddress: string;
  /** Null while the client is not bound to a uid. */
  readonly uid: string | null;
  readonly groups: readonly string[];
  /** The worker that handles its events, `name#id`; null while it has no worker. */
  readonly worker: string | null;
  /** Bytes received over its socket. */
  readonly bytesRead: number;
  /** Bytes written to its socket. */
  readonly bytesWritten: number;
  /** Bytes queued because the client has not read them. */
  readonly pendingBytes: number;
  /** Its unacknowledged events. */
  readonly inFlight: number;
}
