import type { Socket } from 'node:net';

/** Channel from a process to its successor, which is its child process. */
export interface SuccessorChannel {
  /** Carries bytes in both directions; it closes when either process ends. */
  readonly stream: Socket;
  /** Resolves once the successor has ended. */
  readonly exited: Promise<unknown>;
  /**
   * Sends a handle of Node.js with a name. The copy of this process stays open.
   *
   * @throws when the successor has ended
   */
  sendHandle(name: string, handle: object): Promise<void>;
  /** Kills the successor. */
  kill(): void;
}

/** Channel from a process to its predecessor, which is its parent process. */
export interface PredecessorChannel {
  /** See `SuccessorChannel.stream`. */
  readonly stream: Socket;
  /** Resolves once no further handle can arrive. */
  readonly ended: Promise<void>;
  /** Called with each handle. Must be set before the predecessor sends one. */
  onHandle: (name: string, handle: object) => void;
}
