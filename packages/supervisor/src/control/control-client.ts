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
  /** Receives a part of the answer, or `undefined` for a keepalive. */
  onPart(part: unknown): void;
}

/** Longest accepted line: the status of thousands of processes. Lists of clients arrive in parts of 1 MiB. */
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
   * @param guard - closes the connection when one of its listeners throws
   * @throws {GW_ERR_ACCESS_DENIED} when the socket or its directory belongs to another user
   */
  static connect(path: string, guard: Guard = new Guard()): Promise<ControlClient | undefined> {
    return new Promise((resolve, reject) => {
      // In a directory of another user, another process could pose as the master.
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
   * @param timeoutMs - longest time without a part or a keepalive; Infinity waits indefinitely
   * @param onPart - receives each part before the answer; nothing more is read until its promise settles
   * @throws {GW_ERR_QUERY_TIMEOUT} when nothing arrives for `timeoutMs`
   * @throws {GW_ERR_LINK_CLOSED} when the process ends first
   */
  async request(
    order: object,
    timeoutMs: number,
    onPart: (part: unknown) => void | Promise<void> = () => {},
  ): Promise<unknown> {
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    const line: ControlRequest = { request, order };
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        const message = `no answer within ${timeoutMs} ms`;
        const restart = () => {
          clearTimeout(timer);
          if (timeoutMs === Number.POSITIVE_INFINITY) return;
          const error = new GatewayWorkerError('GW_ERR_QUERY_TIMEOUT', message);
          timer = setTimeout(reject, timeoutMs, error);
        };
        restart();
        const receivePart = async (part: unknown) => {
          try {
            const received = part === undefined ? undefined : onPart(part);
            if (received instanceof Promise) {
              clearTimeout(timer);
              this.#socket.pause();
              await received.finally(() => this.#socket.resume());
            }
            if (this.#pending.has(request)) restart();
          } catch (error) {
            reject(error);
          }
        };
        this.#pending.set(request, { resolve, reject, onPart: (part) => void receivePart(part) });
        if (this.#socket.writable) this.#socket.write(`${JSON.stringify(line)}\n`);
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

/** Turns a missing permission into GW_ERR_ACCESS_DENIED; returns any other error unchanged. */
export function toConnectError(error: NodeJS.ErrnoException, path: string): Error {
  if (error.code !== 'EACCES' && error.code !== 'EPERM') return error;
  const message = `the control socket ${path} belongs to another user: run the command as the user who started the cluster`;
  return new GatewayWorkerError('GW_ERR_ACCESS_DENIED', message, { cause: error });
}
