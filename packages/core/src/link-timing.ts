/**
 * Times of every inner link of this process, in milliseconds. The values belong to the inner protocol: all processes of
 * a cluster use the same ones. Tests change them before they create links, so that a busy machine does not decide the
 * result.
 */
export const linkTiming = {
  /**
   * Interval of the heartbeat. A peer that stops answering is detected within 1.8 intervals. A process whose event loop
   * is blocked for less than 0.8 intervals is not treated as dead.
   */
  heartbeatMs: 10_000,
  /** Time that a peer has to resume a broken link. */
  resumeGraceMs: 2000,
};
