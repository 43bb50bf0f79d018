import type { HelloFrame, Resume } from '@gatewayworker/client-protocol';
import type { Guard } from '@gatewayworker/core';
import { ResumableClientEvents } from '../clients/client-events.ts';
import type { LimitCounters } from '../clients/limit-counters.ts';
import type {
  Admission,
  ClientSocketHandler,
  Refusal,
  TransportHandler,
} from '../transports/transport.ts';
import type { PrefixedSocket } from '../transports/websocket-socket.ts';
import { HelloHandler } from './hello-handler.ts';
import type { LaneTable } from './lane-table.ts';
import type { ResumableContext } from './resumable-context.ts';
import { ResumableSocket } from './resumable-socket.ts';
import type { ClaimedSession, SessionMoves } from './session-moves.ts';

/** Why a session is not resumed. `docs/client-protocol.md` lists the reasons. */
type ResumeRefusal = 'unknown' | 'secret' | 'uid';

/** Dependencies. */
export interface ResumptionOptions {
  readonly limits: LimitCounters;
  readonly guard: Guard;
  readonly handshakeTimeoutMs: number;
  readonly lanes: LaneTable;
  /** Decides about clients with a new session. */
  readonly admit: TransportHandler['admit'];
  readonly moves: SessionMoves;
  readonly socketContext: ResumableContext;
}

/** Decides about connections with the client protocol: each starts a session, or resumes one. */
export class Resumption {
  readonly #options: ResumptionOptions;
  readonly #handlers = new Set<HelloHandler>();
  #isStopped = false;

  constructor(options: ResumptionOptions) {
    this.#options = options;
  }

  /** See `TransportHandler.openResumable`. */
  open(connection: PrefixedSocket): ClientSocketHandler {
    const { guard, limits, handshakeTimeoutMs, lanes } = this.#options;
    const start = (hello: HelloFrame, handler: HelloHandler): void =>
      guard.follow(
        'client Hello',
        lanes.started(),
        () => this.#handleHello(hello, handler),
        (error) => connection.fail(error),
      );
    const onDone = (done: HelloHandler): void => {
      this.#handlers.delete(done);
    };
    const context = { guard, limits, handshakeTimeoutMs, onHello: start, onDone };
    const handler = new HelloHandler(connection, context);
    this.#handlers.add(handler);
    if (this.#isStopped) handler.sendAway();
    return handler;
  }

  /** Sends every client in its handshake to another process, after a handover. */
  stop(): void {
    this.#isStopped = true;
    for (const handler of this.#handlers) handler.sendAway();
  }

  #handleHello(hello: HelloFrame, handler: HelloHandler): void {
    if (handler.isClosed) return;
    const { resume, token } = hello;
    if (resume === undefined) {
      this.#admit(token, handler, (admission) => this.#startSession(handler, admission, ''));
      return;
    }
    const found = this.#find(resume);
    if (found !== 'unknown') {
      this.#resume(handler, { hello, resume, found });
      return;
    }
    const { guard, moves } = this.#options;
    const onClaimed = (session: ClaimedSession): void => {
      if (handler.isClosed) {
        // The session waits here for the next connection.
        if ('state' in session) moves.adopt(session.state, session.worker);
        return;
      }
      const claimed =
        'state' in session ? moves.adopt(session.state, session.worker) : session.reason;
      this.#resume(handler, { hello, resume, found: claimed });
    };
    guard.follow('session claim', moves.claim(resume), onClaimed, (error) =>
      handler.connection.fail(error),
    );
  }

  /** Resumes a session that was found, or starts a new one. */
  #resume(
    handler: HelloHandler,
    {
      hello: { token },
      resume,
      found,
    }: { hello: HelloFrame; resume: Resume; found: ResumableSocket | ResumeRefusal },
  ): void {
    if (typeof found === 'string') {
      this.#admit(token, handler, (admission) => this.#startSession(handler, admission, found));
    } else if (token === undefined) {
      found.resume(handler, resume);
    } else {
      this.#admit(token, handler, (admission) => {
        // Meanwhile the session may have ended, or another connection may have resumed it.
        const still = this.#find(resume);
        // The application has identified the client by its token.
        const { isIdentified, uid } = admission;
        if (typeof still === 'string') this.#startSession(handler, admission, still);
        else if (isIdentified && uid !== still.uid) this.#startSession(handler, admission, 'uid');
        else still.resume(handler, resume);
      });
    }
  }

  /** Finds the session that a client claims, at this gateway. */
  #find({ clientId, secret }: Resume): ResumableSocket | ResumeRefusal {
    const client = this.#options.moves.find(clientId);
    if (client?.resumable === undefined || client.isClosing) return 'unknown';
    return client.resumable.allows(secret) ? client.resumable : 'secret';
  }

  #admit(
    token: string | undefined,
    handler: HelloHandler,
    onAdmitted: (admission: Admission) => void,
  ): void {
    const { admit, guard } = this.#options;
    const { connection } = handler;
    const { remoteAddress, remotePort, request = { url: '/', headers: {} } } = connection;
    const candidate = { remoteAddress, remotePort, request: { ...request, token } };
    const decide = (decision: Admission | Refusal): void => {
      if (handler.isClosed) return;
      if (decision.isAccepted) onAdmitted(decision);
      else handler.refuse(decision);
    };
    admit(
      candidate,
      guard.wrap('session decision', decide, (error) => connection.fail(error)),
    );
  }

  #startSession(handler: HelloHandler, admission: Admission, reason: ResumeRefusal | ''): void {
    const socket = new ResumableSocket(handler.connection, this.#options.socketContext);
    const events = admission.onClient(socket);
    if (!(events instanceof ResumableClientEvents)) throw new TypeError('not a resumable client');
    handler.handTo(socket);
    socket.start(events, reason);
  }
}
