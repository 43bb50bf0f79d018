import { existsSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { GatewayWorkerError, Guard, toWire } from '@gatewayworker/core';
import { type ControlResponse, parseControlRequest } from './control-messages.ts';
import { LineReader } from './line-reader.ts';
import { createRunDirectory, removeRunDirectory } from './run-directory.ts';

/**
 * Sends a part of the answer to the client, as JSON; resolves once the kernel has it.
 *
 * @returns false when the client has closed its connection
 */
export type SendPart = (part: unknown) => Promise<boolean>;

/** What a process does with its orders. */
export interface ControlHandler<Order> {
  /** Longest line with an order. @default 65_536 */
  readonly maxLineCharacters?: number;
  /** Reads an order; `undefined` when it is none that this version knows. */
  parseOrder(value: unknown): Order | undefined;
  /**
   * Runs a command; what it resolves with goes to the asker as JSON.
   *
   * @param closed - resolves when the asker has closed its connection
   */
  onOrder(order: Order, sendPart: SendPart, closed: Promise<void>): Promise<unknown>;
}

/** Default of `MAX_LINE_CHARACTERS`. */
const MAX_LINE_CHARACTERS = 65_536;
/** Interval of the signs of life that the client gets while a command runs, in milliseconds. */
const SIGN_OF_LIFE_MS = 1_000;

/** The unix socket on which a process takes commands from its own user. */
export class ControlServer<Order> {
  readonly #path: string;
  readonly #handler: ControlHandler<Order>;
  readonly #guard: Guard;
  #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param guard - ends a connection of which something throws */
  constructor(path: string, handler: ControlHandler<Order>, guard: Guard = new Guard()) {
    this.#path = path;
    this.#handler = handler;
    this.#guard = guard;
    this.#server = this.#newServer();
  }

  /**
   * Opens the socket for the owner of the process only; answers false when the path is taken.
   *
   * @throws {GW_ERR_ACCESS_DENIED} when the run directory belongs to another user
   * @throws {GW_ERR_LISTEN_FAILED} when the path cannot be used
   */
  async tryListen(): Promise<boolean> {
    try {
      createRunDirectory(this.#path);
      await this.#bind();
      return true;
    } catch (error) {
      if (error instanceof GatewayWorkerError) throw error;
      if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
      throw listenFailed(this.#path, error);
    }
  }

  /**
   * Opens the socket again after its file was removed; connections that are open stay.
   *
   * @throws {GW_ERR_LISTEN_FAILED} when the path cannot be used
   */
  async listenAgain(): Promise<void> {
    // Node.js removes the path when it closes the server, so that has to come first.
    if (existsSync(this.#path)) return;
    this.#server.close();
    this.#server = this.#newServer();
    await this.tryListen();
  }

  /** Closes every connection and removes the socket. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        removeRunDirectory(this.#path);
        resolve();
      });
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #newServer(): Server {
    return createServer(
      this.#guard.wrap(
        'control connection',
        (socket: Socket) => this.#accept(socket),
        (_error, socket) => socket.destroy(),
      ),
    );
  }

  #bind(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      // A path is bound within the call, so the mask leaves no moment in which others may connect.
      const mask = process.umask(0o177);
      this.#server.listen(this.#path, () => {
        this.#server.off('error', reject);
        // A connection that the system could not accept concerns its client alone.
        this.#server.on('error', () => {});
        resolve();
      });
      process.umask(mask);
    });
  }

  #accept(socket: Socket): void {
    const reader = new LineReader(this.#handler.maxLineCharacters ?? MAX_LINE_CHARACTERS);
    this.#sockets.add(socket);
    socket.setEncoding('utf8');
    socket.on('close', () => this.#sockets.delete(socket));
    const closed = new Promise<void>((resolve) => {
      socket.once('close', resolve);
    });
    const fail = () => socket.destroy();
    const readLines = (piece: string) => {
      const lines = reader.push(piece);
      if (lines === undefined) socket.destroy();
      else for (const line of lines) handleLine(line);
    };
    const handleLine = (line: string) => {
      const answered = this.#answer(socket, line, closed);
      this.#guard.follow('control answer', answered, () => {}, fail);
    };
    socket.on('data', this.#guard.wrap('control data', readLines, fail));
    // The asker went away without waiting for its answer.
    socket.on('error', () => socket.destroy());
  }

  async #answer(socket: Socket, line: string, closed: Promise<void>): Promise<void> {
    const message = parseControlRequest(line);
    if (message === undefined) {
      socket.destroy();
      return;
    }
    const { request } = message;
    const send = (response: ControlResponse) => writeLine(socket, response);
    const signs = setInterval(
      this.#guard.wrap(
        'control sign of life',
        () => void send({ request, isPending: true }),
        () => socket.destroy(),
      ),
      SIGN_OF_LIFE_MS,
    );
    const response: ControlResponse = await this.#carryOut(
      message.order,
      (part) => send({ request, part }),
      closed,
    )
      .then(
        (result) => ({ request, result }),
        (error: unknown) => ({ request, error: toWire(error) }),
      )
      .finally(() => clearInterval(signs));
    await send(response);
  }

  async #carryOut(value: unknown, sendPart: SendPart, closed: Promise<void>): Promise<unknown> {
    const order = this.#handler.parseOrder(value);
    if (order !== undefined) return await this.#handler.onOrder(order, sendPart, closed);
    const message = 'it does not know this command: both must be of the same version';
    throw new GatewayWorkerError('GW_ERR_VERSION_MISMATCH', message);
  }
}

/** Resolves once the kernel has the line, so that a slow reader holds back who writes; false when there is no reader. */
function writeLine(socket: Socket, response: ControlResponse): Promise<boolean> {
  return new Promise((resolve) => {
    if (!socket.writable) return resolve(false);
    socket.write(`${JSON.stringify(response)}\n`, (error) => resolve(error == null));
  });
}

function listenFailed(path: string, cause: unknown): GatewayWorkerError {
  const message = `cannot open the control socket ${path}: ${toWire(cause).message}`;
  return new GatewayWorkerError('GW_ERR_LISTEN_FAILED', message, { cause });
}
