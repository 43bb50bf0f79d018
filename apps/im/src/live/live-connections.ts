import type { Context, Logger } from 'gatewayworker';
import { rateLimits } from '../../shared/limits.ts';
import {
  type ClientMessage,
  type ServerMessage,
  socketClose,
} from '../../shared/socket-message.ts';
import { AppError, toAppError, toErrorBody } from '../app-error.ts';
import type { Stored } from '../conversations/store-messages.ts';
import type { Messenger } from '../messenger.ts';
import { encode, notify } from '../push.ts';
import { RateLimiter } from '../rate-limiter.ts';
import { type ParsedMessage, parseClientMessage } from './client-message.ts';
import { LoginMonitor } from './login-monitor.ts';

/** The session of each connection, set in the handshake. */
export interface Session {
  readonly userId: string;
  readonly deviceId: string;
}

/** Handles the messages of connected devices. */
export class LiveConnections {
  readonly #messenger: Messenger;
  readonly #logger: Logger;
  readonly #messages = new RateLimiter({
    burst: rateLimits.messageBurst,
    perSecond: rateLimits.messagesPerSecond,
  });
  readonly #notices = new RateLimiter({
    burst: rateLimits.noticeBurst,
    perSecond: rateLimits.noticesPerSecond,
  });
  /** Per connection, because the list of all conversations is the most expensive answer. */
  readonly #syncs = new RateLimiter({ burst: 2, perSecond: 0.5 });
  /** Per user and conversation. */
  readonly #typings = new RateLimiter({ burst: 1, perSecond: 0.5 });

  readonly #logins: LoginMonitor;

  constructor(messenger: Messenger, logger: Logger) {
    this.#messenger = messenger;
    this.#logger = logger;
    const { devices, push } = messenger;
    this.#logins = new LoginMonitor({
      devices,
      onStale: (clientId) => push.closeClient(clientId, null, loggedOut),
      onError: (error) => logger.warn({ err: error }, 'login check failed'),
    });
  }

  /** Call it when the process is about to end. */
  stop(): void {
    this.#logins.stop();
  }

  /** A connection has ended. */
  disconnected(clientId: string): void {
    this.#logins.forget(clientId);
  }

  /** A connection was admitted. */
  async connected(context: Context<Session>, { userId, deviceId }: Session): Promise<void> {
    const { devices, presence } = this.#messenger;
    // The device may have been logged out after the handshake. A later logout finds this connection in its group.
    if (!(await this.#logins.lookUp(context.clientId, deviceId))) return;
    reply(context, { type: 'ready', userId, deviceId, time: Date.now() });
    devices.recordUse(deviceId).catch((error: unknown) => {
      this.#logger.warn({ err: error }, 'device use not stored');
    });
    await presence.connected(userId);
  }

  /** Handles a message; sends every error to the device. */
  async handle(data: string | Buffer, context: Context<Session>, session: Session): Promise<void> {
    const parsed = parseClientMessage(data);
    try {
      if (parsed.message instanceof AppError) throw parsed.message;
      await this.#execute(parsed.message, context, session);
    } catch (thrown) {
      this.#replyError(context, parsed, thrown);
    }
  }

  #replyError(
    context: Context<Session>,
    { about, refusable }: ParsedMessage,
    thrown: unknown,
  ): void {
    const error = toAppError(thrown);
    if (error.code === 'internal')
      this.#logger.error({ err: error.cause, about }, 'message failed');
    const body = toErrorBody(error);
    if (refusable === undefined) reply(context, { type: 'error', about, ...body });
    else reply(context, { type: 'refused', ...refusable, ...body });
  }

  async #execute(
    message: ClientMessage,
    context: Context<Session>,
    session: Session,
  ): Promise<void> {
    const { userId } = session;
    if (message.type === 'send') this.#messages.take(userId);
    else if (message.type !== 'ping') this.#notices.take(userId);
    const isLoggedIn = this.#logins.isLoggedIn(context.clientId, session.deviceId);
    // A ping is answered without waiting for the database. A stale login closes the connection after the answer.
    if (message.type === 'ping') isLoggedIn.catch(() => undefined);
    else if (!(await isLoggedIn)) return;
    switch (message.type) {
      case 'send':
        return await this.#send(message, context, userId);
      case 'delivered':
      case 'read':
        return await this.#mark(message, userId);
      case 'typing':
        return await this.#typing(message.conversationId, userId);
      case 'sync':
        return await this.#sync(context, userId);
      case 'ping':
        return reply(context, { type: 'pong' });
    }
  }

  async #send(
    { clientId, conversationId, content }: Extract<ClientMessage, { type: 'send' }>,
    context: Context<Session>,
    senderId: string,
  ): Promise<void> {
    const draft = { conversationId, senderId, clientId, content };
    const { message }: Stored = await this.#messenger.messages.send(draft);
    const { id, seq, sentAt } = message;
    // After `message` itself: both use the same link to this gateway.
    reply(context, { type: 'sent', clientId, conversationId, id, seq, sentAt });
  }

  async #mark(
    { type, conversationId, seq }: Extract<ClientMessage, { type: 'delivered' | 'read' }>,
    userId: string,
  ): Promise<void> {
    const readSeq = type === 'read' ? seq : 0;
    await this.#messenger.marks.raise({ conversationId, userId, deliveredSeq: seq, readSeq });
  }

  async #typing(conversationId: string, userId: string): Promise<void> {
    if (this.#typings.tryTake(`${userId} ${conversationId}`) > 0) return;
    const { conversations, push } = this.#messenger;
    const others = await conversations.reachableMembers(userId, conversationId);
    notify(push, others, { type: 'typing', conversationId, userId });
  }

  async #sync(context: Context<Session>, userId: string): Promise<void> {
    this.#syncs.take(context.clientId);
    const { conversations } = this.#messenger;
    reply(context, { type: 'heads', heads: await conversations.heads(userId) });
  }
}

const loggedOut = { code: socketClose.loggedOut, reason: 'logged out' };

function reply(context: Context<Session>, message: ServerMessage): void {
  context.send(encode(message));
}
