import { Guard } from '@gatewayworker/core';
import type { RawData, WebSocket } from 'ws';
import { parseJson, readField, readNumber, readString } from '../control/json-value.ts';

/** Evaluated in the paused frame, where the source maps of the process apply; the protocol does not use them. */
const readStack = 'new Error().stack';
const closeInspector = 'process._debugEnd()';

/**
 * Reads the JavaScript stack of another process on this machine through its inspector, and closes the inspector. This
 * pauses the process for some milliseconds.
 *
 * It works in an endless loop, but not while native code does not return, or while the process is idle.
 *
 * @param url - `ws:` address that the inspector printed
 * @returns lines that begin with `    at `; `undefined` when `signal` aborts first
 */
export async function inspectStack(
  url: string,
  signal: AbortSignal,
  guard: Guard = new Guard(),
): Promise<string | undefined> {
  // Loaded on demand: a process that never inspects another one starts faster without it.
  let socket: WebSocket | undefined;
  try {
    const { WebSocket } = await import('ws');
    socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: 1_000 });
    const session = new InspectorSession(socket, signal, guard);
    const frame = await session.pause();
    const answer = await session.evaluate(frame, readStack);
    const text = readString(readField(readField(answer, 'result'), 'result'), 'value');
    session.post('Debugger.evaluateOnCallFrame', {
      callFrameId: frame,
      expression: closeInspector,
    });
    await session.closed;
    return text === undefined ? undefined : withoutEvaluation(text);
  } catch {
    // Too late, or the process has ended, or this one has no file descriptor left: there is no stack.
    return undefined;
  } finally {
    socket?.terminate();
  }
}

/** Removes the message, and the frames of the evaluation itself. */
function withoutEvaluation(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !/\beval at |<anonymous>:1:1\)?$|node:/.test(line))
    .join('\n');
}

class InspectorSession {
  /** Resolves once the inspector has closed the connection; rejects on timeout. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #aborted: Promise<never>;
  readonly #answers = new Map<number, (answer: unknown) => void>();
  #onPaused: (frame: string) => void = () => {};
  #lastId = 0;

  constructor(socket: WebSocket, signal: AbortSignal, guard: Guard) {
    this.#socket = socket;
    const late = new Promise<never>((_, reject) => {
      const onLate = () => reject(new Error('the inspector did not answer in time'));
      if (signal.aborted) onLate();
      signal.addEventListener('abort', onLate, { once: true });
      socket.once('error', reject);
    });
    this.#aborted = late;
    this.closed = Promise.race([
      late,
      new Promise<void>((resolve) => socket.once('close', () => resolve())),
    ]);
    // Both may reject while nothing awaits them.
    late.catch(() => {});
    this.closed.catch(() => {});
    const receive = (data: RawData) => this.#receive(parseJson(String(data)));
    socket.on(
      'message',
      guard.wrap('inspector message', receive, () => socket.terminate()),
    );
  }

  /** Pauses the process; resolves with the id of its innermost frame. */
  async pause(): Promise<string> {
    await this.#orLate(new Promise<void>((resolve) => this.#socket.once('open', () => resolve())));
    const paused = new Promise<string>((resolve) => {
      this.#onPaused = resolve;
    });
    this.post('Debugger.enable');
    this.post('Debugger.pause');
    return await this.#orLate(paused);
  }

  async evaluate(callFrameId: string, expression: string): Promise<unknown> {
    const id = this.post('Debugger.evaluateOnCallFrame', {
      callFrameId,
      expression,
      returnByValue: true,
      silent: true,
    });
    return await this.#orLate(new Promise((resolve) => this.#answers.set(id, resolve)));
  }

  post(method: string, params: object = {}): number {
    this.#lastId += 1;
    this.#socket.send(JSON.stringify({ id: this.#lastId, method, params }));
    return this.#lastId;
  }

  #receive(message: unknown): void {
    const id = readNumber(message, 'id');
    if (id !== undefined) {
      this.#answers.get(id)?.(message);
      this.#answers.delete(id);
    }
    if (readString(message, 'method') !== 'Debugger.paused') return;
    const frames = readField(readField(message, 'params'), 'callFrames');
    const frame = Array.isArray(frames) ? readString(frames[0], 'callFrameId') : undefined;
    if (frame !== undefined) this.#onPaused(frame);
  }

  #orLate<T>(wait: Promise<T>): Promise<T> {
    return Promise.race([wait, this.#aborted]);
  }
}
