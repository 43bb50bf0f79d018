import type { Readable } from 'node:stream';
import { Guard } from '@gatewayworker/core';

const TAIL_CHARACTERS = 4_096;
/** Longest line of the inspector that is waited for. */
const MAX_SEARCH_CHARACTERS = 8_192;
const inspectorLines =
  /^(?:Debugger (?:listening on|attached|ending on)|For help, see: https:\/\/nodejs\.org|Waiting for the debugger to disconnect).*\n/gm;

/** What a child prints on its error output: passed on, with its end kept for when the child dies without a word. */
export class ChildOutput {
  /** Resolves once the child and all that has its error output have closed it. */
  readonly ended: Promise<void>;
  readonly #passOn: (text: string) => void;
  #tail = '';
  #onInspector: ((url: string) => void) | undefined;
  #heard = '';

  /** @param guard - drops the piece when something throws; the child goes on */
  constructor(stderr: Readable | null, passOn: (text: string) => void, guard: Guard = new Guard()) {
    this.#passOn = passOn;
    const receive = (text: string) => this.#receive(text);
    stderr?.setEncoding('utf8').on(
      'data',
      guard.wrap('child error output', receive, () => {}),
    );
    // The close event, which always follows, reports a broken pipe.
    stderr?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      // There is none, whatever the type says, when the system could not make the process.
      if (stderr) stderr.once('close', resolve);
      else resolve();
    });
  }

  /** The last 4 KB, from a whole line on. */
  get tail(): string {
    return this.#tail;
  }

  /**
   * Keeps the lines of the inspector back from now on, for the rest of the child's life, and waits for the one that names its address.
   *
   * @returns the address; `undefined` when `signal` aborts first
   */
  awaitInspector(signal: AbortSignal): Promise<string | undefined> {
    this.#heard = '';
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
    this.#passOn(text);
  }

  /** Each line of the inspector comes in one write, so that none is split between two pieces. */
  #withoutInspector(piece: string): string {
    this.#heard = (this.#heard + piece).slice(-MAX_SEARCH_CHARACTERS);
    const url = /^Debugger listening on (ws:\/\/\S+)\n/m.exec(this.#heard)?.[1];
    if (url !== undefined) this.#onInspector?.(url);
    return piece.replace(inspectorLines, '');
  }
}

/** Picks the line that says why a process died out of what it printed last; `undefined` when there is none. */
export function findReason(tail: string): string | undefined {
  const lines = tail.split('\n').map((line) => line.trim());
  return (
    lines.find((line) => /^(?:FATAL ERROR|Fatal error)\b/.test(line)) ??
    lines.findLast((line) => /^(?:Uncaught )?(?:\w+Error|Error)\b.*:/.test(line))
  );
}
