import { randomBytes } from 'node:crypto';
import {
  type AcceptorRole,
  type Challenge,
  DEFAULT_MAX_FRAME_BYTES,
  type DialerRole,
  type Hello,
  type LinkPosition,
  type Message,
  PROTOCOL_VERSION,
  readMessage,
  type Welcome,
} from '@gatewayworker/protocol';
import {
  computeProof,
  findProvenKey,
  listKeys,
  MAX_KEYS,
  NONCE_BYTES,
  type SecretKey,
} from './authentication.ts';
import { fromWire, GatewayWorkerError, toError, toWire } from './errors.ts';
import type { FrameConnection } from './frame-connection.ts';

/** Time that both sides have to prove themselves, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 5000;

/** What a dialer says of itself. */
export type DialerIdentity = Pick<Hello, 'role' | 'instanceId' | 'name' | 'id'>;

/** What an acceptor says of itself. */
export type AcceptorIdentity = Pick<Challenge, 'role' | 'instanceId'> &
  Pick<Welcome, 'name' | 'id' | 'gatewayToken'>;

/** What a dialer learns of the acceptor. */
export interface AcceptorIntroduction {
  readonly challenge: Challenge;
  readonly welcome: Welcome;
}

/** What a dialer may ask for. */
export interface DialOptions {
  /** Where a link that broke is to go on; the welcome tells whether it does. */
  readonly resume?: LinkPosition | undefined;
  /** Who must answer: with another one that has the key, no link comes about. @default anyone */
  readonly acceptorRole?: AcceptorRole | undefined;
}

/** How a handshake ended. One of the two is called, once. */
export interface HandshakeOutcome<T> {
  /**
   * The link is up. Set `onFrame` and `onClose` within this call: the peer's next frame may lie in the
   * same chunk of bytes, which is also why this is no promise.
   */
  readonly onLinked: (peer: T) => void;
  /**
   * `GW_ERR_AUTHENTICATION_FAILED` when the keys differ, `GW_ERR_VERSION_MISMATCH` when the versions
   * do, `GW_ERR_HANDSHAKE_FAILED` when the peer closes, says something else, or nothing. The link is
   * closing already.
   */
  readonly onFailed: (error: Error) => void;
}

/**
 * Proves both sides to each other, from the dialer's side: hello, challenge, proof, welcome.
 */
export function dialHandshake(
  connection: FrameConnection,
  identity: DialerIdentity,
  secretKey: SecretKey,
  outcome: HandshakeOutcome<AcceptorIntroduction>,
  { resume, acceptorRole }: DialOptions = {},
): void {
  const handshake = new Handshake(connection, outcome.onFailed);
  const nonce = randomBytes(NONCE_BYTES);
  const hello: Hello = {
    type: 'hello',
    version: PROTOCOL_VERSION,
    ...identity,
    nonce,
    ...(resume && { resume }),
  };
  connection.send(hello);
  handshake.expect('challenge', (challenge) => {
    assertVersion(challenge.version);
    const transcript = { hello, challenge };
    if (acceptorRole !== undefined && challenge.role !== acceptorRole) {
      const text = `a ${challenge.role} answers where a ${acceptorRole} should`;
      throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', text);
    }
    const [proof = Buffer.alloc(0), ...otherProofs] = listKeys(secretKey).map((key) =>
      computeProof(key, 'dialer', transcript),
    );
    connection.send({ type: 'proof', proof, otherProofs });
    handshake.expect('welcome', (welcome) => {
      if (findProvenKey(secretKey, 'acceptor', transcript, [welcome.proof]) === undefined) {
        throw new GatewayWorkerError('GW_ERR_AUTHENTICATION_FAILED');
      }
      handshake.end();
      outcome.onLinked({ challenge, welcome });
    });
  });
}

/** What an acceptor needs. */
export interface AcceptorOptions {
  readonly identity: AcceptorIdentity;
  readonly secretKey: SecretKey;
  /** Who may dial this listener. */
  readonly allowedRoles: readonly DialerRole[];
  /** The dialer has proved itself: its link is new, or goes on. */
  readonly onProven: () => void;
  /** The link that a dialer may go on with, if that is possible. */
  readonly findLink: (hello: Hello) => FrameConnection | undefined;
  /** Name by which a new link can be resumed; `undefined` when it cannot. */
  readonly createLinkId: () => string | undefined;
}

/** A dialer that has a new link. */
export interface DialerIntroduction {
  readonly hello: Hello;
  /** Name by which its link can be resumed. */
  readonly linkId: string | undefined;
}

/**
 * Proves both sides to each other, from the acceptor's side. A link that goes on is not told of: its
 * owner notices nothing.
 */
export function acceptHandshake(
  connection: FrameConnection,
  options: AcceptorOptions,
  outcome: HandshakeOutcome<DialerIntroduction>,
): void {
  const handshake = new Handshake(connection, outcome.onFailed);
  const { role, instanceId, name, id, gatewayToken } = options.identity;
  handshake.expect('hello', (hello) => {
    assertVersion(hello.version);
    if (hello.nonce.byteLength !== NONCE_BYTES) {
      const text = `a nonce of ${hello.nonce.byteLength} bytes came, allowed: ${NONCE_BYTES}`;
      throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', text);
    }
    if (!options.allowedRoles.includes(hello.role)) {
      throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', `a ${hello.role} may not link here`);
    }
    const nonce = randomBytes(NONCE_BYTES);
    const challenge = {
      type: 'challenge',
      version: PROTOCOL_VERSION,
      role,
      instanceId,
      nonce,
    } as const;
    const transcript = { hello, challenge };
    // No proof of ours: who reaches the port could try keys on it for as long as it likes.
    connection.send(challenge);
    handshake.expect('proof', (answer) => {
      const proofs = [answer.proof, ...(answer.otherProofs ?? [])];
      if (proofs.length > MAX_KEYS) {
        const text = `${proofs.length} proofs came, allowed: 1 to ${MAX_KEYS}`;
        throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', text);
      }
      const key = findProvenKey(options.secretKey, 'dialer', transcript, proofs);
      if (key === undefined) throw new GatewayWorkerError('GW_ERR_AUTHENTICATION_FAILED');
      handshake.end();
      options.onProven();
      const proof = computeProof(key, 'acceptor', transcript);
      const welcome = { type: 'welcome', proof, name, id, gatewayToken } as const;
      const link = hello.resume && options.findLink(hello);
      if (hello.resume !== undefined && link !== undefined) {
        connection.send({ ...welcome, resumedAt: link.receivedBytes });
        link.resumeOver(connection, hello.resume.received);
        return;
      }
      const linkId = options.createLinkId();
      connection.send({ ...welcome, ...(linkId !== undefined && { linkId }) });
      outcome.onLinked({ hello, linkId });
    });
  });
}

function assertVersion(version: number): void {
  if (version === PROTOCOL_VERSION) return;
  throw new GatewayWorkerError(
    'GW_ERR_VERSION_MISMATCH',
    `the peer speaks version ${version} of the inner protocol, this process ${PROTOCOL_VERSION}`,
  );
}

type MessageOf<T extends Message['type']> = Extract<Message, { readonly type: T }>;

/** Takes the messages of a link that is being set up, one expected type after the other, in bounded time. */
class Handshake {
  readonly #connection: FrameConnection;
  readonly #onFailed: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;
  #expected: Message['type'] = 'hello';
  #onMessage: (message: Message) => void = () => undefined;
  #hasEnded = false;

  constructor(connection: FrameConnection, onFailed: (error: Error) => void) {
    this.#connection = connection;
    this.#onFailed = onFailed;
    const expire = (): void =>
      this.#fail(new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', 'the peer took too long'));
    this.#timer = setTimeout(
      connection.guard.wrap('link handshake timeout', expire, (error) => connection.fail(error)),
      HANDSHAKE_TIMEOUT_MS,
    );
    connection.onFrame = (command, buffer, start, end) => this.#take(command, buffer, start, end);
    connection.onClose = (cause) => {
      const text = cause?.message ?? 'the peer closed the link';
      this.#fail(new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', text, { cause }));
    };
  }

  expect<T extends Message['type']>(type: T, onMessage: (message: MessageOf<T>) => void): void {
    this.#expected = type;
    this.#onMessage = (message) => {
      if (isOfType(message, type)) onMessage(message);
    };
  }

  /** The link is up: frames are no longer ours, and may be of full size. */
  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#connection.onFrame = () => undefined;
    this.#connection.onClose = () => undefined;
    this.#connection.raiseFrameLimit(DEFAULT_MAX_FRAME_BYTES);
  }

  #take(command: number, buffer: Buffer, start: number, end: number): void {
    try {
      const message = readMessage(command, buffer, start, end);
      if (message?.type === 'refusal') throw fromWire(message);
      if (message?.type !== this.#expected) {
        const text = `${message?.type ?? `command ${command}`} came instead of ${this.#expected}`;
        throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', text);
      }
      this.#onMessage(message);
    } catch (error) {
      // The peer has proved itself: an exception from here on is a fault of this process.
      if (this.#hasEnded) throw error;
      this.#fail(toError(error));
    }
  }

  #fail(error: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#connection.onFrame = () => undefined;
    this.#connection.onClose = () => undefined;
    this.#connection.send({ type: 'refusal', ...toWire(error) });
    this.#connection.close();
    this.#onFailed(error);
  }
}

function isOfType<T extends Message['type']>(message: Message, type: T): message is MessageOf<T> {
  return message.type === type;
}
