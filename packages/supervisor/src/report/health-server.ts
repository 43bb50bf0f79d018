import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  GatewayWorkerError,
  Guard,
  type HostPort,
  type Logger,
  listen,
  ThrottledLog,
  toError,
  withoutAddresses,
} from '@gatewayworker/core';
import { type HealthReport, selectHealth } from './health-report.ts';

/** Time a client has to send its request, and then to take the answer, in milliseconds. */
const CLIENT_TIMEOUT_MS = 5_000;

/** Connections at once. A new connection closes the oldest, so that a client with many connections blocks no probe. */
const MAX_CONNECTIONS = 128;

/** The header of a probe is a few hundred bytes. */
const MAX_HEADER_BYTES = 8_192;

/** What is asked: `live` or `ready`, of all processes or of those of a role or name. */
interface Question {
  readonly kind: 'live' | 'ready';
  readonly name: string | undefined;
}

/**
 * Answers probes over HTTP: `GET /live` and `GET /ready`, of everything, or with a role or a name behind
 * it. 200 or 503, and why as JSON.
 */
export class HealthServer {
  readonly #address: HostPort;
  readonly #report: () => Promise<HealthReport>;
  readonly #log: ThrottledLog;
  readonly #server: Server;
  /** The oldest first. */
  readonly #sockets = new Set<Socket>();

  constructor(
    address: HostPort,
    context: {
      readonly report: () => Promise<HealthReport>;
      readonly logger: Logger;
      /** Ends a connection of which something throws. @default one that logs */
      readonly guard?: Guard;
    },
  ) {
    this.#address = address;
    this.#report = context.report;
    this.#log = new ThrottledLog(context.logger);
    const options = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: CLIENT_TIMEOUT_MS,
      requestTimeout: CLIENT_TIMEOUT_MS,
      connectionsCheckingInterval: CLIENT_TIMEOUT_MS / 5,
    };
    const { guard = new Guard(context.logger) } = context;
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const answered = this.#answer(request, response);
      guard.follow(
        'probe answer',
        answered,
        () => {},
        () => response.destroy(),
      );
    };
    this.#server = createServer(
      options,
      guard.wrap('probe', answer, (_error, _request, response) => response.destroy()),
    );
    // One that takes no answer sends nothing either.
    this.#server.timeout = CLIENT_TIMEOUT_MS;
    this.#server.on(
      'connection',
      guard.wrap(
        'probe connection',
        (socket: Socket) => this.#accept(socket),
        (_error, socket) => socket.destroy(),
      ),
    );
  }

  /** @throws {GW_ERR_LISTEN_FAILED} naming the address */
  async listen(): Promise<void> {
    await listen(this.#server, this.#address, 'run.health');
    // Such as too many open files: the next probe may find better times.
    this.#server.on('error', (err) => this.#log.warn({ err }, 'could not take a probe'));
  }

  /** Closes the port and every connection. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#log.close();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#sockets.size <= MAX_CONNECTIONS) return;
    const [oldest] = this.#sockets;
    oldest?.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const question = parseQuestion(request.url ?? '');
    if (question === undefined) {
      send(response, 404, { error: 'ask for /live or /ready' });
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      send(response, 405, { error: 'allowed: GET, HEAD' });
    } else {
      try {
        const report = selectHealth(await this.#report(), question.name);
        send(response, report[question.kind] ? 200 : 503, withoutInternals(report));
      } catch (error) {
        const isUnknown =
          error instanceof GatewayWorkerError && error.code === 'GW_ERR_NOT_DECLARED';
        send(response, isUnknown ? 404 : 500, { error: toError(error).message });
      }
    }
  }
}

/** The query does not count. */
function parseQuestion(url: string): Question | undefined {
  const match = /^\/(live|ready)(?:\/([^/?#]+))?(?:[?#]|$)/.exec(url);
  const kind = match?.[1];
  if (kind !== 'live' && kind !== 'ready') return undefined;
  try {
    return { kind, name: match?.[2] === undefined ? undefined : decodeURIComponent(match[2]) };
  } catch {
    return undefined;
  }
}

/** Pids and inner addresses help only those who are on the machine. */
function withoutInternals(report: HealthReport): object {
  const processes = report.processes.map(({ pid: _pid, reasons, ...rest }) => ({
    ...rest,
    reasons: reasons.map(withoutAddresses),
  }));
  return { ...report, processes };
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    // A probe asks once in a while: a connection kept for it would only take room.
    Connection: 'close',
  });
  response.end(text);
}
