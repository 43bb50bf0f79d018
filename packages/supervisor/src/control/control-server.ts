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

/** Parses and runs the orders to a process. */
export interface ControlHandler<Order> {
  /** Longest line with an order. @default 65_536 */
  readonly maxLineCharacters?: number;
  /** Reads an order; `undefined` when this version does not know it. */
  parseOrder(value: unknown): Order | undefined;
  /**
   * Runs an order; the client receives the resolved value as JSON.
   *
   * @param closed - resolves when the client has closed its connection
   */
  onOrder(order: Order, sendPart: SendPart, closed: Promise<void>): Promise<unknown>;
}

/** Default of `maxLineCharacters`. */
const MAX_LINE_CHARACTERS = 65_536;
/** Interval of the keepalives that the client receives while an order runs, in milliseconds. */
const KEEPALIVE_INTERVAL_MS = 1_000;

/** The unix socket on which a process accepts orders from its own user. */
export class ControlServer<Order> {
  readonly #path: string;
  readonly #handler: ControlHandler<Order>;
  readonly #guard: Guard;
  #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param guard - closes a connection when one of its listeners throws */
  constructor(path: string, handler: ControlHandler<Order>, guard: Guard = new Guard()) {
    this.#path = path;
    this.#handler = handler;
    this.#guard = guard;
    this.#server = this.#newServer();
  }

  /**
   * Opens the socket for the user of the process only; returns false when the path is in use.
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
   * Opens the socket again after its file was removed; open connections stay.
   *
   * @throws {GW_ERR_LISTEN_FAILED} when the path cannot be used
   */
  async listenAgain(): Promise<void> {
    // Close the old server first, because closing removes the path.
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
      // `listen` binds the path synchronously, so the mask covers the whole life of the file.
      const mask = process.umask(0o177);
      this.#server.listen(this.#path, () => {
        this.#server.off('error', reject);
        // A failed accept affects only that client.
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
    // The client closed the connection before its answer.
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
    const keepalive = setInterval(
      this.#guard.wrap(
        'control keepalive',
        () => void send({ request, isPending: true }),
        () => socket.destroy(),
      ),
      KEEPALIVE_INTERVAL_MS,
    );
    const response: ControlResponse = await this.#execute(
      message.order,
      (part) => send({ request, part }),
      closed,
    )
      .then(
        (result) => ({ request, result }),
        (error: unknown) => ({ request, error: toWire(error) }),
      )
      .finally(() => clearInterval(keepalive));
    await send(response);
  }

  async #execute(value: unknown, sendPart: SendPart, closed: Promise<void>): Promise<unknown> {
    const order = this.#handler.parseOrder(value);
    if (order !== undefined) return await this.#handler.onOrder(order, sendPart, closed);
    const message = 'the process does not know this command: run the same version everywhere';
    throw new GatewayWorkerError('GW_ERR_VERSION_MISMATCH', message);
  }
}

/** Resolves once the kernel has the line, so that a slow reader slows the writer; false when the connection is closed. */
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
