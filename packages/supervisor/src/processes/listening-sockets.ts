import type { ChildProcess } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { Guard, type HostPort, toError } from '@gatewayworker/core';
import { readFields, readNumber, readString } from '../control/json-value.ts';

/** A socket bound to an address. It accepts nothing until a server listens on it. */
interface BoundSocket {
  close(): void;
  /** Returns 0, or a negative error number. */
  getsockname(address: object): number;
}

/** Request of a process to its parent, over the `fork` channel. */
interface SocketRequest {
  readonly type: 'gatewayworker:openSocket';
  readonly request: number;
  readonly host: string;
  readonly port: number;
}

/** The answer. Without `code`, a socket is attached to the message. */
interface SocketAnswer {
  readonly type: 'gatewayworker:socket';
  readonly request: number;
  /** System error code, such as `EADDRINUSE`. */
  readonly code?: string;
}

interface SharedSocket {
  readonly socket: BoundSocket;
  /** Children that may accept on it. */
  readonly holders: Set<ChildProcess>;
  /** Whether this process accepts on it itself. */
  readonly isOwn: boolean;
}

/**
 * The listening sockets that the processes of a declaration share. Each has its own copy of the descriptor
 * and accepts from the kernel. The parent keeps a copy for children that start later, and never accepts on it.
 */
export class ListeningSockets {
  readonly #sockets = new Map<string, Promise<SharedSocket>>();
  readonly #guard: Guard;

  /** @param guard - kills a child when a listener of its requests throws */
  constructor(guard: Guard = new Guard()) {
    this.#guard = guard;
  }

  /** Whether this process has a socket that it can share with other processes. */
  get isSharing(): boolean {
    return this.#sockets.size > 0;
  }

  /**
   * Answers the requests of a child.
   *
   * @param scope - identifies the declaration of the child: port 0 is one port for all its processes
   */
  serve(child: ChildProcess, scope: string): void {
    const kill = () => {
      child.kill('SIGKILL');
    };
    const receive = (value: unknown) => {
      const request = parseSocketRequest(value);
      if (request === undefined) return;
      this.#guard.follow('socket answer', this.#answer(child, scope, request), () => {}, kill);
    };
    child.on('message', this.#guard.wrap('socket request', receive, kill));
    const release = () => this.release(child);
    child.once('exit', this.#guard.wrap('socket holder exit', release, release));
  }

  /**
   * Removes a child that no longer accepts. A socket without an accepting process is closed, so that clients are
   * refused and try another address instead of waiting in its backlog.
   */
  release(child: ChildProcess): void {
    const released = this.#release(child);
    this.#guard.follow(
      'socket release',
      released,
      () => {},
      () => {},
    );
  }

  async #release(child: ChildProcess): Promise<void> {
    for (const [key, opening] of this.#sockets) {
      const shared = await opening.catch(() => undefined);
      if (shared === undefined || !shared.holders.delete(child)) continue;
      if (shared.isOwn || shared.holders.size > 0) continue;
      this.#sockets.delete(key);
      shared.socket.close();
    }
  }

  /**
   * Opens a socket for this process itself: the one that the other processes of its declaration share.
   *
   * @throws the error of the system, with its `code`
   */
  async openOwn(address: HostPort): Promise<object> {
    const shared = await this.#open('', address, async () => ({
      socket: await requestSocket(address),
      holders: new Set<ChildProcess>(),
      isOwn: true,
    }));
    return shared.socket;
  }

  async #answer(child: ChildProcess, scope: string, request: SocketRequest): Promise<void> {
    const answer = { type: 'gatewayworker:socket', request: request.request } as const;
    try {
      const { socket, holders } = await this.#open(scope, request, async () => ({
        socket: await bindSocket(request),
        holders: new Set<ChildProcess>(),
        isOwn: false,
      }));
      holders.add(child);
      send(child, answer, socket);
      if (child.exitCode !== null || child.signalCode !== null) this.release(child);
    } catch (error) {
      const cause: NodeJS.ErrnoException = toError(error);
      send(child, { ...answer, code: cause.code ?? cause.message });
    }
  }

  async #open(
    scope: string,
    { host, port }: HostPort,
    create: () => Promise<SharedSocket>,
  ): Promise<SharedSocket> {
    const key = `${port === 0 ? scope : ''} ${host} ${port}`;
    const known = this.#sockets.get(key);
    if (known !== undefined && !isClosed((await known).socket)) return await known;
    const opening = create();
    this.#sockets.set(key, opening);
    try {
      return await opening;
    } catch (error) {
      this.#sockets.delete(key);
      throw error;
    }
  }
}

/** Binds a socket without listening on it. */
async function bindSocket({ host, port }: HostPort): Promise<BoundSocket> {
  const { address, family } = await lookup(host);
  // Node.js has no documented way to bind without accepting; node:cluster uses this one.
  const create: unknown = Reflect.get(net, '_createServerHandle');
  if (typeof create !== 'function') {
    throw new Error(`Node.js ${process.version} cannot share a listening socket`);
  }
  const socket: BoundSocket | number = create(address, port, family);
  // libuv reports EADDRINUSE only later, and a process that listened on such a socket would get a random port.
  const failure = typeof socket === 'number' ? socket : socket.getsockname({});
  if (failure === 0 && typeof socket !== 'number') return socket;
  if (typeof socket !== 'number') socket.close();
  const code = getSystemErrorName(failure);
  throw Object.assign(new Error(`bind ${code} ${host}:${port}`), { code });
}

let lastRequest = 0;

/** Requests a socket from the parent; without a parent, this process binds it. */
function requestSocket({ host, port }: HostPort): Promise<BoundSocket> {
  if (process.send === undefined || !process.connected) return bindSocket({ host, port });
  lastRequest += 1;
  const request = lastRequest;
  const message: SocketRequest = { type: 'gatewayworker:openSocket', request, host, port };
  return new Promise((resolve, reject) => {
    const settle = (code: string | undefined, socket: unknown) => {
      process.off('message', receive);
      process.off('disconnect', handleDisconnect);
      if (isBoundSocket(socket)) resolve(socket);
      else reject(Object.assign(new Error(code ?? 'the parent sent no socket'), { code }));
    };
    const receive = (value: unknown, socket: unknown) => {
      if (readString(value, 'type') !== 'gatewayworker:socket') return;
      if (readNumber(value, 'request') !== request) return;
      settle(readString(value, 'code'), socket);
    };
    const handleDisconnect = () => {
      process.off('message', receive);
      resolve(bindSocket({ host, port }));
    };
    process.on('message', receive);
    process.once('disconnect', handleDisconnect);
    process.send?.(message);
  });
}

function isBoundSocket(value: unknown): value is BoundSocket {
  return typeof value === 'object' && value !== null && 'close' in value;
}

/** Whether the server of a socket was closed. */
function isClosed(socket: BoundSocket): boolean {
  return Reflect.get(socket, 'fd') === -1;
}

function send(child: ChildProcess, answer: SocketAnswer, socket?: BoundSocket): void {
  // `send` accepts the handle of a server too; the types of Node.js omit it.
  const handle = socket as net.Server | undefined;
  // A child that has ended needs no answer.
  if (child.connected) child.send(answer, handle, undefined, () => {});
}

function parseSocketRequest(value: unknown): SocketRequest | undefined {
  const type = 'gatewayworker:openSocket';
  if (readString(value, 'type') !== type) return undefined;
  const fields = readFields(value, { request: 'number', host: 'string', port: 'number' });
  return fields && { type, ...fields };
}
