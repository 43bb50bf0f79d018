import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from '@gatewayworker/testing';

/** Where the process under test listens. */
export interface TargetPorts {
  readonly websocket: number;
  readonly deflate: number;
  readonly proxy: number;
  readonly tls: number;
  readonly text: number;
  readonly frame: number;
  readonly tcp: number;
  /** The gateway whose inner port broken peers dial; its clients are theirs. */
  readonly peer: number;
  readonly inner: number;
  readonly register: number;
  /** PEM of the certificate behind `tls`. */
  readonly certificate: string;
}

/** What the process under test can be asked. */
export type Question =
  | { readonly kind: 'report' | 'turn' | 'memory' | 'tables' | 'clients' }
  | { readonly kind: 'connect'; readonly address: string }
  | {
      readonly kind: 'values';
      readonly surface: string;
      readonly seed: number;
      readonly count: number;
    };

/** An answer, by the number of its question. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

/** What has happened in the process since the last report. */
export interface Report {
  /** Stacks of what was thrown and not caught. */
  readonly uncaught: readonly string[];
  /** Log lines that show an error of the language or of Node.js. */
  readonly faults: readonly string[];
  /** Longest turn of the event loop, in milliseconds. */
  readonly turnMs: number;
}

/** Memory of the process after a garbage collection. */
export interface Memory {
  readonly usedBytes: number;
  readonly residentBytes: number;
}

/** Longest time for an answer, in milliseconds: only a process that hangs needs it. */
const ANSWER_TIMEOUT_MS = 60_000;

/** The process under test, seen from outside. */
export class TargetProcess {
  readonly ports: TargetPorts;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #questions = 0;
  #end: string | undefined;

  constructor(child: ChildProcess, ports: TargetPorts) {
    this.#child = child;
    this.ports = ports;
    child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    child.once('exit', (code, signal) => {
      this.#end = `the process ended with ${signal ?? `exit code ${code}`}`;
      for (const [id, settle] of this.#waiting) settle({ id, error: this.#end });
      this.#waiting.clear();
    });
  }

  /** @throws when the process has ended or does not answer */
  async ask<T>(question: Question): Promise<T> {
    if (this.#end !== undefined) throw new Error(this.#end);
    this.#questions += 1;
    const id = this.#questions;
    const answer = await new Promise<Answer>((resolve) => {
      const timer = setTimeout(
        () => resolve({ id, error: `${question.kind}: no answer within ${ANSWER_TIMEOUT_MS} ms` }),
        ANSWER_TIMEOUT_MS,
      );
      this.#waiting.set(id, (answered) => {
        clearTimeout(timer);
        resolve(answered);
      });
      this.#child.send({ ...question, id });
    });
    if ('error' in answer) throw new Error(answer.error);
    return answer.value as T;
  }

  async stop(): Promise<void> {
    if (this.#end !== undefined) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** Starts the process under test; resolves once every role is up. */
export async function startTarget(): Promise<TargetProcess> {
  const file = fileURLToPath(new URL('./target.ts', import.meta.url));
  const execArgv = ['--conditions=@gatewayworker/source', ...nodeFlags(file)];
  const child = fork(file, { execArgv, stdio: ['ignore', 2, 2, 'ipc'] });
  const [first] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error('the process under test did not start');
    }),
  ]);
  return new TargetProcess(child, first.ports);
}
