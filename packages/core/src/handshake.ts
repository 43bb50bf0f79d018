import { randomBytes } from 'node:crypto';
import {
  type AcceptorRole,
  DEFAULT_MAX_FRAME_BYTES,
  type DialerRole,
  type LinkPosition,
  type Message,
  PROTOCOL_VERSION,
  readMessage,
} from '@gatewayworker/protocol';
import {
  computeProof,
  findProvenKey,
  listKeys,
  MAX_KEYS,
  NONCE_BYTES,
  type SecretKey,
  type Transcript,
} from './authentication.ts';
import { fromWire, GatewayWorkerError, toError, toWire } from './errors.ts';
import type { FrameConnection } from './frame-connection.ts';

/** Time in which both sides must authenticate, in milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 5000;

/** Fields by which a dialer identifies itself. */
export type DialerIdentity = Pick<Message<'hello'>, 'role' | 'instanceId' | 'name' | 'id'>;

/** Fields by which an acceptor identifies itself. */
export type AcceptorIdentity = Pick<Message<'challenge'>, 'role' | 'instanceId'> &
  Pick<Message<'welcome'>, 'name' | 'id' | 'gatewayToken'>;

/** The messages of an acceptor that has authenticated. */
export interface AcceptorInfo {
  readonly challenge: Message<'challenge'>;
  readonly welcome: Message<'welcome'>;
}

/** Options of a dialer. */
export interface DialOptions {
  /** Position from which to resume a broken link. The Welcome message tells whether the acceptor resumes it. */
  readonly resume?: LinkPosition | undefined;
  /** Role that the acceptor must have; the handshake fails for another role. @default any role */
  readonly acceptorRole?: AcceptorRole | undefined;
}

/** Callbacks for the end of a handshake. One of them is called, once. */
export interface HandshakeOutcome<T> {
  /**
   * The link is up. Must set `onFrame` and `onClose` before it returns, because the same chunk of bytes may contain the
   * next frame of the peer. This is also why it is not a promise.
   */
  readonly onLinked: (peer: T) => void;
  /**
   * The handshake failed, and the link is closing: `GW_ERR_AUTHENTICATION_FAILED` when the keys differ,
   * `GW_ERR_VERSION_MISMATCH` when the versions differ, `GW_ERR_HANDSHAKE_FAILED` when the peer closes the link, sends
   * an unexpected message, or takes too long.
   */
  readonly onFailed: (error: Error) => void;
}

/**
 * Runs the handshake of the dialer, in which both sides authenticate: Hello, Challenge, Proof, Welcome.
 * Source: `docs/protocol.md#handshake`.
 */
export function dialHandshake(
  connection: FrameConnection,
  identity: DialerIdentity,
  secretKey: SecretKey,
  outcome: HandshakeOutcome<AcceptorInfo>,
  { resume, acceptorRole }: DialOptions = {},
): void {
  const handshake = new Handshake(connection, outcome.onFailed);
  const hello: Message<'hello'> = {
    type: 'hello',
    version: PROTOCOL_VERSION,
    ...identity,
    nonce: randomBytes(NONCE_BYTES),
    ...(resume && { resume }),
  };
  connection.send(hello);
  handshake.expect('challenge', (challenge) => {
    assertChallenge(challenge, acceptorRole);
    const transcript = { hello, challenge };
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

function assertChallenge(challenge: Message<'challenge'>, role: AcceptorRole | undefined): void {
  assertVersion(challenge.version);
  if (role === undefined || challenge.role === role) return;
  const text = `the peer is a ${challenge.role}; allowed: ${role}`;
  throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', text);
}

/** Options of an acceptor. */
export interface AcceptorOptions {
  readonly identity: AcceptorIdentity;
  readonly secretKey: SecretKey;
  /** Roles that may dial this listener. */
  readonly allowedRoles: readonly DialerRole[];
  /** Called when the dialer has authenticated, before its link is created or resumed. */
  readonly onAuthenticated: () => void;
  /** Returns the link that the dialer may resume, if any. */
  readonly findLink: (hello: Message<'hello'>) => FrameConnection | undefined;
  /** Creates the id by which a new link can be resumed; `undefined` when it is not resumable. */
  readonly createLinkId: () => string | undefined;
}

/** A dialer that has authenticated and gets a new link. */
export interface DialerInfo {
  readonly hello: Message<'hello'>;
  /** Id by which its link can be resumed. */
  readonly linkId: string | undefined;
}

/**
 * Runs the handshake of the acceptor. `outcome.onLinked` is called for a new link only: a resumed link keeps its owner.
 */
export function acceptHandshake(
  connection: FrameConnection,
  options: AcceptorOptions,
  outcome: HandshakeOutcome<DialerInfo>,
): void {
  const handshake = new Handshake(connection, outcome.onFailed);
  const { role, instanceId } = options.identity;
  handshake.expect('hello', (hello) => {
    assertHello(hello, options.allowedRoles);
    const nonce = randomBytes(NONCE_BYTES);
    const challenge: Message<'challenge'> = {
      type: 'challenge',
      version: PROTOCOL_VERSION,
      role,
      instanceId,
      nonce,
    };
    const transcript = { hello, challenge };
    // The acceptor sends no proof yet: any process that reaches the port could use it to guess the key offline.
    connection.send(challenge);
    handshake.expect('proof', (answer) => {
      const proofs = [answer.proof, ...(answer.otherProofs ?? [])];
      const key = findDialerKey(options.secretKey, transcript, proofs);
      handshake.end();
      options.onAuthenticated();
      welcomeDialer(connection, options, hello, {
        proof: computeProof(key, 'acceptor', transcript),
        onLinked: outcome.onLinked,
      });
    });
  });
}

function assertHello(
  { version, nonce, role }: Message<'hello'>,
  allowedRoles: readonly DialerRole[],
): void {
  assertVersion(version);
  if (nonce.byteLength !== NONCE_BYTES) {
    const text = `the nonce has ${nonce.byteLength} bytes; allowed: ${NONCE_BYTES}`;
    throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', text);
  }
  if (allowedRoles.includes(role)) return;
  throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', `a ${role} may not link here`);
}

/** Returns the key that the dialer has proved; throws when it has proved none. */
function findDialerKey(
  secretKey: SecretKey,
  transcript: Transcript,
  proofs: readonly Uint8Array[],
): string {
  if (proofs.length > MAX_KEYS) {
    const text = `the peer has sent ${proofs.length} proofs; allowed: 1 to ${MAX_KEYS}`;
    throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', text);
  }
  const key = findProvenKey(secretKey, 'dialer', transcript, proofs);
  if (key === undefined) throw new GatewayWorkerError('GW_ERR_AUTHENTICATION_FAILED');
  return key;
}

/** Sends Welcome to a dialer that has authenticated, and resumes its link or creates a new one. */
function welcomeDialer(
  connection: FrameConnection,
  options: AcceptorOptions,
  hello: Message<'hello'>,
  { proof, onLinked }: { readonly proof: Buffer; readonly onLinked: (dialer: DialerInfo) => void },
): void {
  const { name, id, gatewayToken } = options.identity;
  const welcome = { type: 'welcome', proof, name, id, gatewayToken } as const;
  const link = hello.resume && options.findLink(hello);
  if (hello.resume !== undefined && link !== undefined) {
    connection.send({ ...welcome, resumedAt: link.receivedBytes });
    link.resumeOver(connection, hello.resume.received);
    return;
  }
  const linkId = options.createLinkId();
  connection.send({ ...welcome, ...(linkId !== undefined && { linkId }) });
  onLinked({ hello, linkId });
}

function assertVersion(version: number): void {
  if (version === PROTOCOL_VERSION) return;
  throw new GatewayWorkerError(
    'GW_ERR_VERSION_MISMATCH',
    `the peer speaks version ${version} of the inner protocol, this process ${PROTOCOL_VERSION}`,
  );
}

type MessageOf<T extends Message['type']> = Extract<Message, { readonly type: T }>;

/** Receives the messages of a handshake, one expected type after the other, within the time limit. */
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

  /** Ends the handshake: the link is up, and may receive frames of full size. */
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
        const text = `received ${message?.type ?? `command ${command}`} instead of ${this.#expected}`;
        throw new GatewayWorkerError('GW_ERR_HANDSHAKE_FAILED', text);
      }
      this.#onMessage(message);
    } catch (error) {
      // The peer has authenticated, so the exception is a fault of this process.
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
