import type { ResumableInfo } from '@gatewayworker/protocol';
import type { ClientConnection } from '../clients/client-connection.ts';
import { ClientNumbers } from './client-numbers.ts';
import { MembershipAges } from './membership-ages.ts';
import type { ResumableContext, ResumableRecord } from './resumable-context.ts';
import { ResumeSecret } from './resume-secret.ts';

/** What a client that can resume has more than other clients, and takes along to another gateway. */
export class MovingState {
  readonly secret: ResumeSecret = new ResumeSecret();
  readonly numbers: ClientNumbers = new ClientNumbers();
  readonly ages: MembershipAges = new MembershipAges();
  /** Number of moves between gateways. */
  #generation = 0;

  /** Describes it for the worker of the client. */
  describe(
    client: ClientConnection,
    { clientId, windowMs }: Pick<ResumableContext, 'clientId' | 'windowMs'>,
  ): ResumableInfo {
    return {
      clientId: clientId(client),
      generation: this.#generation,
      secret: this.secret.current,
      previousSecret: this.secret.previous,
      received: this.numbers.sentToWorkers(client.held?.length ?? 0),
      windowMs,
      ...this.ages.describe(),
    };
  }

  /** Continues with the state of another process. */
  restore({ info, inFlight }: Pick<ResumableRecord, 'info' | 'inFlight'>): void {
    this.#generation = info.generation;
    this.secret.restore(info.secret, info.previousSecret);
    this.numbers.restore(info.received, inFlight);
    this.ages.restore(info);
  }
}
