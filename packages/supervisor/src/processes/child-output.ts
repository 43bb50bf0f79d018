import type { Readable } from 'node:stream';
import { Guard } from '@gatewayworker/core';

const TAIL_CHARACTERS = 4_096;
/** Output that is searched for the address of the inspector. */
const MAX_SEARCH_CHARACTERS = 8_192;
const inspectorLines =
  /^(?:Debugger (?:listening on|attached|ending on)|For help, see: https:\/\/nodejs\.org|Waiting for the debugger to disconnect).*\n/gm;

/** Error output of a child. It is forwarded, and its end is kept to explain an exit without a message. */
export class ChildOutput {
  /** Resolves once the child, and every process that inherited its error output, has closed it. */
  readonly ended: Promise<void>;
  readonly #forward: (text: string) => void;
  #tail = '';
  #onInspector: ((url: string) => void) | undefined;
  #searched = '';

  /** @param guard - drops the piece when a listener throws; the child keeps running */
  constructor(
    stderr: Readable | null,
    forward: (text: string) => void,
    guard: Guard = new Guard(),
  ) {
    this.#forward = forward;
    const receive = (text: string) => this.#receive(text);
    stderr?.setEncoding('utf8').on(
      'data',
      guard.wrap('child error output', receive, () => {}),
    );
    // The close event, which always follows, reports a broken pipe.
    stderr?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      // Whatever its type says, it is missing when the system could not create the process.
      if (stderr) stderr.once('close', resolve);
      else resolve();
    });
  }

  /** The last 4 KB, starting with a whole line. */
  get tail(): string {
    return this.#tail;
  }

  /**
   * Waits for the line with the address of the inspector, and stops forwarding lines of the inspector for good.
   *
   * @returns the address; `undefined` when `signal` aborts first
   */
  awaitInspector(signal: AbortSignal): Promise<string | undefined> {
    this.#searched = '';
    return new Promise((resolve) => {
      this.#onInspector = resolve;
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
  }

  #receive(piece: string): void {
    const text = this.#onInspector === undefined ? piece : this.#withoutInspector(piece);
    if (text === '') return;
    const tail = this.#tail + text;
    this.#tail =
      tail.length <= TAIL_CHARACTERS ? tail : tail.slice(-TAIL_CHARACTERS).replace(/^.*\n/, '');
    this.#forward(text);
  }

  /** Node.js writes each line of the inspector at once, so no line is split between two pieces. */
  #withoutInspector(piece: string): string {
    this.#searched = (this.#searched + piece).slice(-MAX_SEARCH_CHARACTERS);
    const url = /^Debugger listening on (ws:\/\/\S+)\n/m.exec(this.#searched)?.[1];
    if (url !== undefined) this.#onInspector?.(url);
    return piece.replace(inspectorLines, '');
  }
}

/** Finds the line that explains the end of a process in the end of its output; `undefined` when there is none. */
export function findReason(tail: string): string | undefined {
  const lines = tail.split('\n').map((line) => line.trim());
  return (
    lines.find((line) => /^(?:FATAL ERROR|Fatal error)\b/.test(line)) ??
    lines.findLast((line) => /^(?:Uncaught )?(?:\w+Error|Error)\b.*:/.test(line))
  );
}
