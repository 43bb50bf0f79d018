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

/** A parsed request: `live` or `ready`, of all processes or of those of a role or name. */
interface ProbeRequest {
  readonly kind: 'live' | 'ready';
  readonly name: string | undefined;
}

/**
 * Answers HTTP probes: `GET /live` and `GET /ready`, for all processes or, as `/live/NAME`, for those of a role or a
 * name. The status is 200 or 503, the body a JSON report with the reasons.
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
      /** Closes a connection when one of its listeners throws. @default one that logs */
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
    // Also closes connections that do not read the answer.
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
    // For example too many open files: later probes may succeed.
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
    const probe = parseRequest(request.url ?? '');
    if (probe === undefined) {
      send(response, 404, { error: 'unknown path; allowed: /live and /ready' });
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      send(response, 405, { error: 'allowed: GET, HEAD' });
    } else {
      try {
        const report = selectHealth(await this.#report(), probe.name);
        send(response, report[probe.kind] ? 200 : 503, withoutInternals(report));
      } catch (error) {
        const isUnknown =
          error instanceof GatewayWorkerError && error.code === 'GW_ERR_NOT_DECLARED';
        send(response, isUnknown ? 404 : 500, { error: toError(error).message });
      }
    }
  }
}

/** Parses a request, ignoring its query string. */
function parseRequest(url: string): ProbeRequest | undefined {
  const match = /^\/(live|ready)(?:\/([^/?#]+))?(?:[?#]|$)/.exec(url);
  const kind = match?.[1];
  if (kind !== 'live' && kind !== 'ready') return undefined;
  try {
    return { kind, name: match?.[2] === undefined ? undefined : decodeURIComponent(match[2]) };
  } catch {
    return undefined;
  }
}

/** Removes pids and inner addresses, which only users of the machine need. */
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
    // Probes are rare: a connection kept alive would only use up a slot.
    Connection: 'close',
  });
  response.end(text);
}
