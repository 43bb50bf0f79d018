/** Why reading from a client is paused; several may hold at once. */
export const PauseReason = {
  /** It has too many events, or bytes of events, that are not handled. */
  EventsInFlight: 1,
  /** The link to its worker is full. */
  WorkerLinkFull: 2,
  /** Too many bytes of events are held, because no worker takes them. */
  HeldBytes: 4,
  /** Its worker has too many events, or bytes of events, of all clients, that are not handled. */
  WorkerBusy: 8,
  /** The gateway stops, and takes no more events. */
  Stopping: 16,
  /** The successor of this process, which handles its events, asks for it. */
  Successor: 32,
  /** The link to the successor is full. */
  SuccessorFull: 64,
} as const;
export type PauseReason = (typeof PauseReason)[keyof typeof PauseReason];
