import type { Socket } from 'node:net';

/** The way from a process to its successor, which is its child. */
export interface SuccessorChannel {
  /** Carries bytes both ways, in order; it closes when either process ends. */
  readonly stream: Socket;
  /** Resolves once the successor is gone. */
  readonly exited: Promise<unknown>;
  /**
   * Sends a handle of Node.js under a name; the copy of this process stays open.
   *
   * @throws when the successor is gone
   */
  sendHandle(name: string, handle: object): Promise<void>;
  /** Ends the successor at once. */
  kill(): void;
}

/** The way from a process to the one that it succeeds, which is its parent. */
export interface PredecessorChannel {
  /** See `SuccessorChannel.stream`. */
  readonly stream: Socket;
  /** Resolves once no more handles can come. */
  readonly ended: Promise<void>;
  /** Takes the handles; set before the predecessor may send any. */
  onHandle: (name: string, handle: object) => void;
}
