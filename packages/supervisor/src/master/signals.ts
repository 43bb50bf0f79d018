/** Signal handlers of a master. */
export interface MasterSignalHandlers {
  /** The first SIGINT, SIGTERM or SIGUSR2; SIGQUIT for a graceful stop. */
  onStop(signal: NodeJS.Signals, isGraceful: boolean): void;
  /** A second one. */
  onKill(signal: NodeJS.Signals): void;
  /** SIGUSR1. */
  onReload(): void;
  /** SIGHUP. */
  onHangup(): void;
}

/** Two signals within this time count as one: at Ctrl+C both the terminal and `npm start` send SIGINT. */
const DUPLICATE_SIGNAL_MS = 100;

/** Installs the signal handlers of a master. */
export function handleMasterSignals(handlers: MasterSignalHandlers): void {
  let firstAt: number | undefined;
  const listener = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      handlers.onStop(signal, signal === 'SIGQUIT');
    } else if (now - firstAt >= DUPLICATE_SIGNAL_MS) {
      handlers.onKill(signal);
    }
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  process.on('SIGQUIT', listener);
  // nodemon sends SIGUSR2 and waits for the end. An existing listener belongs to the application or to
  // --heapsnapshot-signal.
  if (process.listenerCount('SIGUSR2') === 0) process.on('SIGUSR2', listener);
  process.on('SIGUSR1', () => handlers.onReload());
  process.on('SIGHUP', () => handlers.onHangup());
}
