/**
 * How often each limit of a gateway process took effect since its start. `status --json` shows them under `limits`.
 */
export class LimitCounters {
  /** Messages longer than `maxMessageBytes`. */
  messageTooBig = 0;
  /** Handshakes that took longer than `handshakeTimeoutMs`. */
  handshakeTimeout = 0;
  /** Clients refused because the process has `maxConnections`. */
  connections = 0;
  /** Clients refused because their address has `maxConnectionsPerIp`. */
  connectionsPerIp = 0;
  /** Clients refused because the process had no file descriptor left for them. */
  descriptors = 0;
  /** Handshakes refused because of their `Origin`. */
  origin = 0;
  /** Handshakes refused because no route has their path. */
  unknownPath = 0;
  /** Clients closed because they sent more than `maxMessagesPerSecond`. */
  messageRate = 0;
  /** Messages that were not sent to a slow consumer; with `slowConsumer: 'close'` it was closed. */
  slowConsumer = 0;
  /** Clients expired by the heartbeat. */
  heartbeat = 0;
  /** Times that reading from a client was paused because it, or its worker, had too many events in flight. */
  eventsInFlight = 0;
  /** Times that reading from a client was paused because it, or its worker, had too many bytes of events in flight. */
  eventBytesInFlight = 0;
  /** Times that reading from a client was paused because the link to its worker was full. */
  workerLinkFull = 0;
  /** Times that reading from a client was paused because too many bytes of events were held. */
  heldBytes = 0;
  /** Clients closed because their events had waited for `maxHeldMs` without a worker. */
  heldTime = 0;
  /** Events that a dead worker had not acknowledged, or that waited `maxHeldMs` for a worker. */
  lostEvents = 0;
  /** Clients closed because `decode` of a custom protocol threw, or returned no message. */
  decodeError = 0;
  /** Messages not sent because `encode` of a custom protocol threw, or returned no bytes. */
  encodeError = 0;
  /** Receipts that were not collected because too many were open. */
  receipts = 0;
  /** Session changes refused because the session would have become too large. */
  sessionTooLarge = 0;
}
