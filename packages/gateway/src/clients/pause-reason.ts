/** Why reading from a client is paused. Several reasons may be active at once. */
export const PauseReason = {
  /** The client has too many events, or bytes of events, in flight. */
  EventsInFlight: 1,
  /** The link to its worker is full. */
  WorkerLinkFull: 2,
  /** Too many bytes of events are held. */
  HeldBytes: 4,
  /** Its worker has too many events, or bytes of events, in flight. */
  WorkerBusy: 8,
  /** The gateway stops and accepts no more events. */
  Stopping: 16,
  /** The successor process, which handles its events, asked for the pause. */
  Successor: 32,
  /** The link to the successor process is full. */
  SuccessorFull: 64,
} as const;
export type PauseReason = (typeof PauseReason)[keyof typeof PauseReason];
