import { encodeGatewayFrame, type GatewayFrame } from '@gatewayworker/client-protocol';
import { CloseCode, ClosedBy } from '@gatewayworker/protocol';
import type { ClientClosure, ClientSocket, SocketInfo } from '../transports/transport.ts';
import type { PrefixedSocket } from '../transports/websocket-socket.ts';

/** Pending bytes past which frames that the client may cause in any number are left out. */
const MAX_PENDING_CONTROL_BYTES = 65_536;

const noBytes = Buffer.alloc(0);

/** The connection of a client that can resume, or the properties of the last one. Its byte counts continue. */
export class ReplaceableSocket implements SocketInfo {
  #info: SocketInfo;
  #connection: PrefixedSocket | undefined;
  /** Number of a Handled that is not sent because much is pending; 0 for none. */
  #owedNumber = 0;
  /** True during a handover: the client must send again what it sends now. */
  #isFrozen = false;
  #hasIgnored = false;
  /** Bytes of the earlier connections. */
  #bytesBefore = { read: 0, written: 0 };
  /** When the client lost its connection, in milliseconds of `performance.now()`; `undefined` while it has one. */
  #droppedAt: number | undefined;
  /** True until the client has answered the last Ping. */
  #isPinged = false;

  /** @param info - the connection, or the properties of the last one of a parked client */
  constructor(info: PrefixedSocket | SocketInfo) {
    if ('sendPrefixed' in info) this.#connection = info;
    this.#info = infoOf(info);
  }

  /** The connection; `undefined` while the client is parked. */
  get connection(): PrefixedSocket | undefined {
    return this.#connection;
  }

  /** True while the client has no connection. */
  get isParked(): boolean {
    return this.#connection === undefined;
  }

  /** Returns whether the client is on this connection. */
  isOn(connection: PrefixedSocket): boolean {
    return this.#connection === connection;
  }

  /** Continues on a new connection. */
  attachTo(connection: PrefixedSocket): void {
    this.#connection = connection;
    this.#info = infoOf(connection);
    this.#droppedAt = undefined;
    this.#isPinged = false;
    this.#owedNumber = 0;
  }

  /** Time since the client lost its connection, in milliseconds; 0 while it has one. */
  get awayMs(): number {
    return this.#droppedAt === undefined ? 0 : performance.now() - this.#droppedAt;
  }

  /** Continues a client without a connection that another process had. */
  markDropped(awayMs: number): void {
    this.#droppedAt = performance.now() - awayMs;
  }

  /** Forgets the connection, which has no influence any more, and returns it. */
  detach(): PrefixedSocket | undefined {
    const connection = this.#connection;
    this.#bytesBefore = { read: this.bytesRead, written: this.bytesWritten };
    this.#connection = undefined;
    this.markDropped(0);
    return connection;
  }

  get remoteAddress(): string {
    return this.#info.remoteAddress;
  }

  get remotePort(): number {
    return this.#info.remotePort;
  }

  get listenPort(): number {
    return this.#info.listenPort;
  }

  get request(): ClientSocket['request'] {
    return this.#connection?.request;
  }

  get packedRequest(): Buffer | undefined {
    return this.#info.packedRequest;
  }

  get pendingBytes(): number {
    return this.#connection?.pendingBytes ?? 0;
  }

  get bytesRead(): number {
    return this.#bytesBefore.read + (this.#connection?.bytesRead ?? 0);
  }

  get bytesWritten(): number {
    return this.#bytesBefore.written + (this.#connection?.bytesWritten ?? 0);
  }

  flush(): void {
    this.#connection?.flush();
  }

  setPaused(isPaused: boolean): void {
    this.#connection?.setPaused(isPaused);
  }

  /** Ignores what the client sends from now on, because another process continues with its state. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** Continues after a handover that was rolled back. */
  thaw(): void {
    this.#isFrozen = false;
    // The client resumes, and sends again what was ignored.
    if (this.#hasIgnored) this.#connection?.close(ClosedBy.Server, CloseCode.ServiceRestart, '');
    this.#hasIgnored = false;
  }

  /** Returns true if the message that has come now is ignored. */
  ignoresMessage(): boolean {
    if (this.#isFrozen) this.#hasIgnored = true;
    return this.#isFrozen;
  }

  /** Sends a Ping, unless much is pending: a client that does not read could send any number of probes. */
  sendPing(positions: ReadonlyMap<number, number>): void {
    this.#isPinged = true;
    if (this.pendingBytes > MAX_PENDING_CONTROL_BYTES) return;
    this.sendControl({ op: 'ping', positions });
    if (this.#owedNumber > 0) this.sendHandled(this.#owedNumber);
  }

  /** Sends Handled; while much is pending, with the next one or after the next Ping. */
  sendHandled(number: number): void {
    const hasRoom = this.pendingBytes <= MAX_PENDING_CONTROL_BYTES;
    this.#owedNumber = hasRoom ? 0 : number;
    if (hasRoom) this.sendControl({ op: 'handled', number });
  }

  /** Handles a Pong. Returns true if it answers no Ping: the client expects one. */
  isProbe(): boolean {
    const isProbe = !this.#isPinged;
    this.#isPinged = false;
    return isProbe;
  }

  /** Makes the client resume at another gateway, after a random time of up to `maxMs`. */
  sendGoAway(maxMs: number): void {
    const reason = 'the gateway ends';
    this.sendControl({ op: 'goAway', minMs: 0, maxMs: Math.round(maxMs), reason });
  }

  /** Sends a frame without a payload of the application. */
  sendControl(frame: GatewayFrame): void {
    this.#connection?.sendPrefixed(Buffer.from(encodeGatewayFrame(frame)), noBytes, 0, 0);
  }
}

function infoOf({ remoteAddress, remotePort, listenPort, packedRequest }: SocketInfo): SocketInfo {
  return { remoteAddress, remotePort, listenPort, packedRequest };
}

/** True when a closure by the client or the gateway ends the session, and not only the connection. */
export function endsSession({ by, code }: ClientClosure): boolean {
  return by === ClosedBy.Protocol || (by === ClosedBy.Client && code === CloseCode.Normal);
}
