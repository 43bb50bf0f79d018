import { Socket } from 'node:net';
import {
  createLogger,
  FlushScheduler,
  FrameConnection,
  Guard,
  ThrottledLog,
} from '@gatewayworker/core';
import {
  ByteReader,
  Command,
  FrameDecoder,
  PayloadFlag,
  packValue,
  readMessage,
} from '@gatewayworker/protocol';
import { onTestFinished, vi } from 'vitest';
import { ClientConnection } from '../clients/client-connection.ts';
import { LimitCounters } from '../clients/limit-counters.ts';
import { ClientRoutes, type ClientRoutesOptions } from '../routes/client-routes.ts';
import { silentSocket } from '../transports/client-socket.fixture.ts';
import { EventDispatcher, type EventDispatcherOptions } from './event-dispatcher.ts';
import { WorkerLink } from './worker-link.ts';
import { LeastConnectionsRouter } from './worker-router.ts';

export const closure = { by: 'client', code: 1000, reason: 'bye' } as const;

/** A socket in memory. It takes everything at once, or nothing while it is full. */
class MemorySocket extends Socket {
  readonly written: Buffer[] = [];
  isFull = false;
  #waiting: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const finish = (): void => {
      this.written.push(Buffer.from(chunk));
      done();
    };
    if (this.isFull) this.#waiting = finish;
    else finish();
  }

  async accept(): Promise<void> {
    this.isFull = false;
    this.#waiting?.();
    await new Promise((resolve) => process.nextTick(() => process.nextTick(resolve)));
  }
}

/** A worker behind a socket in memory. */
export class Worker {
  readonly socket = new MemorySocket();
  readonly link: WorkerLink;
  #consumed = 0;

  constructor(id: number, name = 'worker') {
    this.link = new WorkerLink(new FrameConnection(this.socket, new FlushScheduler()), {
      type: 'hello',
      version: 1,
      role: 'worker',
      instanceId: `instance-${name}-${id}`,
      name,
      id,
      nonce: Buffer.alloc(32),
    });
  }

  /** The frames sent to it since the last call, one short line each. */
  take(): string[] {
    this.link.connection.output.flush();
    const lines: string[] = [];
    const decoder = new FrameDecoder((command, buffer, start, end) => {
      if (command !== Command.Ping) lines.push(describeFrame(command, buffer, start, end));
      return undefined;
    });
    const all = Buffer.concat(this.socket.written);
    decoder.push(all.subarray(this.#consumed));
    this.#consumed = all.length;
    return lines;
  }
}

function describeFrame(command: number, buffer: Buffer, start: number, end: number): string {
  const reader = new ByteReader().reset(buffer, start, end);
  if (command === Command.ClientConnected) {
    return `${reader.readU32()} connected${reader.readU8() === 0 ? '' : ' again'}`;
  }
  if (command === Command.ClientDetached) return `${reader.readU32()} detached`;
  if (command === Command.WorkerDrained) return 'drained';
  if (command === Command.ClientMessage) {
    const connection = reader.readU32();
    const flags = reader.readU8();
    const kind = (flags & PayloadFlag.Binary) === 0 ? 'text' : 'binary';
    const again = (flags & PayloadFlag.Redelivered) === 0 ? '' : ' again';
    return `${connection} ${kind} ${reader.readRestUtf8()}${again}`;
  }
  const message = readMessage(command, buffer, start, end);
  if (message?.type === 'clientAttached') return `${message.connection} attached`;
  if (message?.type === 'clientClosed')
    return `${message.connection} closed by ${message.by}${message.isRedelivered ? ' again' : ''}`;
  return `another command: ${command}`;
}

/** A client whose socket records only pauses. */
export class Client extends ClientConnection {
  readonly pauses: boolean[];

  constructor(connection: number, request?: { url: string; headers: Record<string, string> }) {
    const pauses: boolean[] = [];
    super(
      { connection, nonceHigh: 7, nonceLow: 8 },
      {
        ...silentSocket,
        remoteAddress: '10.0.0.9',
        remotePort: 5555,
        listenPort: 8282,
        request,
        packedRequest: request && packValue(request),
        setPaused: (isPaused) => pauses.push(isPaused),
      },
    );
    this.pauses = pauses;
  }
}

/** Limits of a dispatcher and of the routes that it works on. */
export type DispatcherOptions = EventDispatcherOptions & ClientRoutesOptions;

export function create(
  given: Partial<DispatcherOptions> = {},
  limits: LimitCounters = new LimitCounters(),
): EventDispatcher {
  const options: DispatcherOptions = {
    maxEventsInFlight: 64,
    maxEventsInFlightPerWorker: 1000,
    maxEventBytesInFlight: 4_194_304,
    maxEventBytesInFlightPerWorker: 67_108_864,
    maxHeldBytes: 100_000,
    maxHeldMs: 0,
    sendToWorkerBufferSize: 100_000,
    rebalancePerSecond: 0,
    routes: undefined,
    ...given,
  };
  const logger = createLogger({ stdout: false });
  const guard = new Guard();
  const onExpired = (client: ClientConnection): void => {
    client.isClosing = true;
  };
  const createRouter = (): LeastConnectionsRouter => new LeastConnectionsRouter();
  const routes = new ClientRoutes(options, { limits, guard, logger, createRouter, onExpired });
  const clientLog = new ThrottledLog(logger);
  return new EventDispatcher(options, { routes, limits, guard, logger, clientLog });
}

export function send(dispatcher: EventDispatcher, client: ClientConnection, text: string): void {
  dispatcher.dispatchMessage(client, Buffer.from(text), 0, Buffer.byteLength(text), false);
}

/** Fakes `setImmediate`. The returned function ends a turn of the event loop. */
export function holdTurn(): () => void {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return () => vi.runOnlyPendingTimers();
}

/** A dispatcher with two workers, the first of which has the client. */
export function withTwo(
  options: Partial<DispatcherOptions> = {},
  limits?: LimitCounters,
): { dispatcher: EventDispatcher; first: Worker; second: Worker; client: Client } {
  const dispatcher = create(options, limits);
  const [first, second, client] = [new Worker(0), new Worker(1), new Client(1)];
  dispatcher.addWorker(first.link);
  dispatcher.dispatchConnected(client);
  dispatcher.handleAck(first.link, client, { count: 1, byteLength: 0 });
  dispatcher.addWorker(second.link);
  first.take();
  return { dispatcher, first, second, client };
}
