/** What a master does on the signals that are for it. */
export interface MasterSignalHandlers {
  /** The first SIGINT, SIGTERM, SIGUSR2 or, to finish what has begun, SIGQUIT. */
  onStop(signal: NodeJS.Signals, isGraceful: boolean): void;
  /** A second one. */
  onKill(signal: NodeJS.Signals): void;
  /** SIGUSR1. */
  onReload(): void;
  /** SIGHUP. */
  onHangup(): void;
}

/**
 * `npm start` hands Ctrl+C on to a process that the terminal has already sent it to,
 * so two signals this close together are one wish.
 */
const SAME_WISH_MS = 100;

/** Takes the signals that a master reacts to. */
export function handleMasterSignals(handlers: MasterSignalHandlers): void {
  let firstAt: number | undefined;
  const listener = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      handlers.onStop(signal, signal === 'SIGQUIT');
    } else if (now - firstAt >= SAME_WISH_MS) {
      handlers.onKill(signal);
    }
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  process.on('SIGQUIT', listener);
  // nodemon sends SIGUSR2 and waits for the end. A listener that is there already belongs to the application
  // or to --heapsnapshot-signal.
  if (process.listenerCount('SIGUSR2') === 0) process.on('SIGUSR2', listener);
  process.on('SIGUSR1', () => handlers.onReload());
  process.on('SIGHUP', () => handlers.onHangup());
}
