/**
 * How often each limit of a gateway process has taken effect, since its start. `status --json` shows
 * them under `limits`.
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
  /** Clients that read too slowly: closed, or passed over for a while, as `slowConsumer` says. */
  slowConsumer = 0;
  /** Clients gone because they were silent for too long. */
  heartbeat = 0;
  /** Times that reading from a client was paused for the number of its events in flight, or of its worker's. */
  eventsInFlight = 0;
  /** Times that reading from a client was paused for the bytes of its events in flight, or of its worker's. */
  eventBytesInFlight = 0;
  /** Times that reading from a client was paused because the link to its worker was full. */
  workerLinkFull = 0;
  /** Times that reading from a client was paused because too many bytes of events were held. */
  heldBytes = 0;
  /** Clients closed because their events had waited for `maxHeldMs` without a worker. */
  heldTime = 0;
  /** Events that a worker had not finished when it was gone, or for which none came within `maxHeldMs`. */
  lostEvents = 0;
  /** Clients closed because the `decode` of a protocol of your own threw or answered no message. */
  decodeError = 0;
  /** Messages not sent because the `encode` of a protocol of your own threw or answered no bytes. */
  encodeError = 0;
  /** Updates refused because the session would have become too large. */
  sessionTooLarge = 0;
}
