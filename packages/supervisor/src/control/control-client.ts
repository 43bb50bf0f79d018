import { connect, type Socket } from 'node:net';
import { fromWire, GatewayWorkerError, Guard } from '@gatewayworker/core';
import {
  type ControlRequest,
  type ControlResponse,
  parseControlResponse,
} from './control-messages.ts';
import { LineReader } from './line-reader.ts';
import { assertOwnDirectory } from './run-directory.ts';

interface PendingRequest {
  resolve(result: unknown): void;
  reject(error: Error): void;
  /** Takes a part of the answer, or a sign of life, which is `undefined`. */
  onPart(part: unknown): void;
}

/** Longest line: the status of thousands of processes; lists of clients come in parts of 1 Mi. */
const MAX_LINE_CHARACTERS = 16 * 1_048_576;

/** A connection to the control socket of a process. */
export class ControlClient {
  /** Resolves once the process has closed the connection. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #pending = new Map<number, PendingRequest>();
  #lastRequest = 0;

  private constructor(socket: Socket, guard: Guard) {
    this.#socket = socket;
    const reader = new LineReader(MAX_LINE_CHARACTERS);
    socket.setEncoding('utf8');
    const readLines = (piece: string) => {
      const lines = reader.push(piece);
      if (lines === undefined) socket.destroy();
      else for (const line of lines) this.#receive(parseControlResponse(line));
    };
    socket.on(
      'data',
      guard.wrap('control client data', readLines, () => socket.destroy()),
    );
    // The close event, which always follows, reports a broken connection.
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      const end = () => {
        this.#rejectPending();
        resolve();
      };
      socket.on('close', guard.wrap('control client close', end, end));
    });
  }

  /**
   * Connects to a control socket; resolves with `undefined` when no process listens there.
   *
   * @param guard - ends the connection when something of it throws
   * @throws {GW_ERR_ACCESS_DENIED} when it, or the directory that it is in, belongs to another user
   */
  static connect(path: string, guard: Guard = new Guard()): Promise<ControlClient | undefined> {
    return new Promise((resolve, reject) => {
      // Another user could listen there and answer in the master's name.
      assertOwnDirectory(path);
      const socket = connect(path);
      const onError = (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
        else reject(toConnectError(error, path));
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        socket.off('error', onError);
        resolve(new ControlClient(socket, guard));
      });
    });
  }

  /**
   * Sends a command and resolves with the answer.
   *
   * @param timeoutMs - time without a sign of life; Infinity waits indefinitely
   * @param onPart - gets each part of the answer before; nothing more is read while it has not settled
   * @throws {GW_ERR_QUERY_TIMEOUT} when nothing comes for `timeoutMs`
   * @throws {GW_ERR_LINK_CLOSED} when the process ends first
   */
  async request(
    order: object,
    timeoutMs: number,
    onPart: (part: unknown) => void | Promise<void> = () => {},
  ): Promise<unknown> {
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    const message: ControlRequest = { request, order };
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const late = `no answer within ${timeoutMs} ms`;
        const restart = () => {
          clearTimeout(timer);
          if (timeoutMs === Number.POSITIVE_INFINITY) return;
          const error = new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT', late);
          timer = setTimeout(reject, timeoutMs, error);
        };
        restart();
        const takePart = async (part: unknown) => {
          try {
            const taking = part === undefined ? undefined : onPart(part);
            if (taking instanceof Promise) {
              clearTimeout(timer);
              this.#socket.pause();
              await taking.finally(() => this.#socket.resume());
            }
            if (this.#pending.has(request)) restart();
          } catch (error) {
            reject(error);
          }
        };
        this.#pending.set(request, { resolve, reject, onPart: (part) => void takePart(part) });
        if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
        else this.#rejectPending();
      });
    } finally {
      clearTimeout(timer);
      this.#pending.delete(request);
    }
  }

  /** Closes the connection. */
  close(): void {
    this.#socket.destroy();
  }

  #receive(response: ControlResponse | undefined): void {
    if (response === undefined) return;
    const pending = this.#pending.get(response.request);
    if ('error' in response) pending?.reject(fromWire(response.error));
    else if ('part' in response) pending?.onPart(response.part);
    else if ('isPending' in response) pending?.onPart(undefined);
    else pending?.resolve(response.result);
  }

  #rejectPending(): void {
    const error = new GatewayWorkerError(
      'GW_ERR_LINK_CLOSED',
      'the process ended before it answered',
    );
    for (const pending of this.#pending.values()) pending.reject(error);
  }
}

/** Says in plain words why a control socket that is there cannot be used. */
export function toConnectError(error: NodeJS.ErrnoException, path: string): Error {
  if (error.code !== 'EACCES' && error.code !== 'EPERM') return error;
  const message = `the control socket ${path} belongs to another user: run the command as the one who started the cluster`;
  return new GatewayWorkerError('GW_ERR_ACCESS_DENIED', message, { cause: error });
}
