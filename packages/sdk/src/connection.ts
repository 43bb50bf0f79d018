import {
  CLOSE_GATEWAY_VIOLATION,
  CLOSE_SILENCE,
  ClientProtocolError,
  decodeGatewayFrame,
  encodeHello,
  encodePong,
  type GatewayFrame,
  type Resume,
  SUBPROTOCOL,
} from '@gatewayworker/client-protocol';
import { MAX_TIMER_MS } from './call.ts';
import type { ConnectOptions, WebSocketClass, WebSocketLike } from './types.ts';

/** Time beyond the interval of Ping after which the client asks whether the connection is alive. */
const PING_GRACE_MS = 5000;

/** Time in which a frame must follow a probe. */
const PROBE_MS = 3000;

/** How connections are opened. */
export interface ConnectionSettings extends Pick<ConnectOptions, 'token' | 'connectTimeoutMs'> {
  readonly url: string | URL | (() => string | Promise<string>);
  readonly WebSocket: WebSocketClass;
}

/** What a connection tells its client. */
export interface ConnectionEvents {
  /** The session to resume, when Hello is sent. */
  resume(): Resume | undefined;
  /** @throws {ClientProtocolError} if the frame is not allowed now */
  frame(connection: Connection, frame: GatewayFrame): void;
  /** Called once, unless the client has closed the connection. */
  end(connection: Connection, code: number, reason: string): void;
}

/** One websocket, from the request of its token to its end. */
export interface Connection {
  /** Begins to expect pings at this interval, after the Welcome; 0: the gateway sends none. */
  welcome(pingMs: number): void;
  /** Counts the connection as lost unless a frame follows soon. */
  probe(): void;
  send(frame: Uint8Array<ArrayBuffer>): void;
  /** Closes the websocket. No event follows. */
  close(code: number): void;
  /** Closes the websocket, and tells the client that the connection has ended. */
  fail(code: number, reason: string): void;
}

/** Opens a connection. It is a closure, because that is shorter than a class when it is minified. */
export function openConnection(settings: ConnectionSettings, events: ConnectionEvents): Connection {
  const { url, token, WebSocket, connectTimeoutMs = 10_000 } = settings;
  let socket: WebSocketLike | undefined;
  let isEnded = false;
  let error = '';
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** When the last frame was received. */
  let heardAt = performance.now();
  /** How long the gateway may be silent now. */
  let silenceMs = Math.min(connectTimeoutMs, MAX_TIMER_MS);
  /** How long it may be silent before a probe; 0 before the Welcome. */
  let quietMs = 0;

  const connection: Connection = {
    welcome(pingMs) {
      quietMs = Math.min((pingMs || MAX_TIMER_MS) + PING_GRACE_MS, MAX_TIMER_MS);
      silenceMs = quietMs;
      checkSilence();
    },
    probe() {
      heardAt = performance.now();
      silenceMs = PROBE_MS;
      connection.send(encodePong());
      checkSilence();
    },
    send(frame) {
      if (!isEnded) socket?.send(frame);
    },
    close(code) {
      isEnded = true;
      clearTimeout(timer);
      socket?.close(code);
    },
    fail(code, reason) {
      if (isEnded) return;
      socket?.close(code, reason);
      end(code, reason);
    },
  };

  async function open(): Promise<void> {
    try {
      const target = await (typeof url === 'function' ? url() : url);
      const secret = await (typeof token === 'function' ? token() : token);
      if (isEnded) return;
      const opened = new WebSocket(String(target), [SUBPROTOCOL]);
      socket = opened;
      opened.binaryType = 'arraybuffer';
      opened.onopen = () => {
        // Browsers and ws check this themselves, Node.js does not.
        if (opened.protocol !== SUBPROTOCOL) {
          connection.fail(CLOSE_GATEWAY_VIOLATION, `no ${SUBPROTOCOL}`);
        } else connection.send(encodeHello(secret, events.resume()));
      };
      opened.onmessage = ({ data }: { data: unknown }) => receive(data);
      // Stays after the end, because `ws` throws an error that no listener gets.
      opened.onerror = ({ message = '' }: { message?: string }) => {
        error = message;
      };
      opened.onclose = ({ code, reason }: { code: number; reason: string }) =>
        end(code, reason || error);
    } catch (cause) {
      end(1006, String(cause));
    }
  }

  function receive(data: unknown): void {
    if (isEnded) return;
    heardAt = performance.now();
    silenceMs = quietMs || silenceMs;
    try {
      if (!(data instanceof ArrayBuffer)) throw new ClientProtocolError('text');
      const frame = decodeGatewayFrame(new Uint8Array(data));
      // Here, because browsers slow down the timers of hidden pages.
      if (frame.op === 'ping') connection.send(encodePong());
      events.frame(connection, frame);
    } catch (cause) {
      if (!(cause instanceof ClientProtocolError)) throw cause;
      connection.fail(CLOSE_GATEWAY_VIOLATION, cause.message);
    }
  }

  function checkSilence(): void {
    clearTimeout(timer);
    const leftMs = heardAt + silenceMs - performance.now();
    if (leftMs > 0) timer = setTimeout(checkSilence, leftMs);
    // In a page that was frozen, frames may be queued behind this timer.
    else if (silenceMs === quietMs) connection.probe();
    else connection.fail(CLOSE_SILENCE, 'silence');
  }

  function end(code: number, reason: string): void {
    if (isEnded) return;
    isEnded = true;
    clearTimeout(timer);
    events.end(connection, code, reason);
  }

  checkSilence();
  void open();
  return connection;
}
