import type { Context, Logger } from 'gatewayworker';
import { paces } from '../../shared/limits.ts';
import {
  type ClientMessage,
  type ServerMessage,
  socketClose,
} from '../../shared/socket-message.ts';
import { AppError, toAppError, toErrorBody } from '../app-error.ts';
import type { Stored } from '../conversations/store-messages.ts';
import type { Messenger } from '../messenger.ts';
import { Pace } from '../pace.ts';
import { encode, tell } from '../push.ts';
import { parseClientMessage, type Said } from './client-message.ts';
import { LoginWatch } from './login-watch.ts';

/** What the messenger keeps for each connection, from the handshake on. */
export interface Session {
  readonly userId: string;
  readonly deviceId: string;
}

/** Carries out what devices say. */
export class LiveSide {
  readonly #messenger: Messenger;
  readonly #logger: Logger;
  readonly #messages = new Pace({ burst: paces.messageBurst, perSecond: paces.messagesPerSecond });
  readonly #notices = new Pace({ burst: paces.noticeBurst, perSecond: paces.noticesPerSecond });
  /** By connection: a list of all conversations is dearer than anything else. */
  readonly #syncs = new Pace({ burst: 2, perSecond: 0.5 });
  /** By person and conversation. */
  readonly #typings = new Pace({ burst: 1, perSecond: 0.5 });

  readonly #logins: LoginWatch;

  constructor(messenger: Messenger, logger: Logger) {
    this.#messenger = messenger;
    this.#logger = logger;
    const { devices, push } = messenger;
    this.#logins = new LoginWatch({
      devices,
      onStale: (clientId) => push.closeClient(clientId, null, loggedOut),
      onError: (error) => logger.warn({ err: error }, 'the logins could not be looked up'),
    });
  }

  /** The process is to end. */
  stop(): void {
    this.#logins.stop();
  }

  /** A device has gone. */
  gone(clientId: string): void {
    this.#logins.gone(clientId);
  }

  /** A device was let in. */
  async connect(context: Context<Session>, { userId, deviceId }: Session): Promise<void> {
    const { devices, presence } = this.#messenger;
    // It may have been logged out since the handshake; who logs it out from now on finds this connection.
    if (!(await this.#logins.isGoodNow(context.clientId, deviceId))) return;
    reply(context, { type: 'ready', userId, deviceId, time: Date.now() });
    devices.noteUse(deviceId).catch((error: unknown) => {
      this.#logger.warn({ err: error }, 'the use of a device could not be noted');
    });
    await presence.came(userId);
  }

  /** A device says something; every error is told to it. */
  async handle(data: string | Buffer, context: Context<Session>, session: Session): Promise<void> {
    const said = parseClientMessage(data);
    try {
      if (said.message instanceof AppError) throw said.message;
      await this.#carryOut(said.message, context, session);
    } catch (thrown) {
      this.#refuse(context, said, thrown);
    }
  }

  #refuse(context: Context<Session>, { about, refusable }: Said, thrown: unknown): void {
    const error = toAppError(thrown);
    if (error.code === 'internal')
      this.#logger.error({ err: error.cause, about }, 'a message failed');
    const body = toErrorBody(error);
    if (refusable === undefined) reply(context, { type: 'error', about, ...body });
    else reply(context, { type: 'refused', ...refusable, ...body });
  }

  async #carryOut(
    message: ClientMessage,
    context: Context<Session>,
    session: Session,
  ): Promise<void> {
    const { userId } = session;
    if (message.type === 'send') this.#messages.take(userId);
    else if (message.type !== 'ping') this.#notices.take(userId);
    const isGood = this.#logins.isGood(context.clientId, session.deviceId);
    // Whoever only pings is answered while the database is away; with a stale login it is closed behind the answer.
    if (message.type === 'ping') isGood.catch(() => undefined);
    else if (!(await isGood)) return;
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
    // Behind the message itself: both go to this gateway over the same link.
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
    const others = await conversations.listenersTo(userId, conversationId);
    tell(push, others, { type: 'typing', conversationId, userId });
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
