/** What a master does on the signals that end it. */
export interface StopSignalHandlers {
  /** The first SIGINT or SIGTERM. */
  onStop(signal: NodeJS.Signals): void;
  /** A second one. */
  onKill(signal: NodeJS.Signals): void;
}

/**
 * `npm start` hands Ctrl+C on to a process that the terminal has already sent it to,
 * so two signals this close together are one wish.
 */
const sameWishMs = 100;

/** Takes the signals that ask this process to end; answers a function that gives them back. */
export function handleStopSignals(handlers: StopSignalHandlers): () => void {
  let firstAt: number | undefined;
  const listener = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      handlers.onStop(signal);
    } else if (now - firstAt >= sameWishMs) {
      handlers.onKill(signal);
    }
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return () => {
    process.off('SIGINT', listener);
    process.off('SIGTERM', listener);
  };
}
