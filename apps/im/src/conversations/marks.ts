import { sql } from 'kysely';
import type { Mark } from '../../shared/socket-message.ts';
import type { AppError } from '../app-error.ts';
import { Batcher } from '../batcher.ts';
import type { Database, Write } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { notify, type Push } from '../push.ts';
import { unreadCount } from './conversations.ts';
import { unknownConversation } from './store-messages.ts';

/** In larger groups, members do not receive the marks of others. */
const maxNotified = 50;

/** Dependencies of `Marks`. */
export interface MarksOptions {
  readonly db: Database;
  readonly push: Push;
}

/** New marks of a member. */
export interface MarkRequest {
  readonly conversationId: string;
  readonly userId: string;
  readonly deliveredSeq: number;
  readonly readSeq: number;
}

interface ChangedMark extends Mark {
  readonly conversationId: string;
  readonly unread: number;
}

/** Stores delivered and read marks in batches, and notifies the members. */
export class Marks {
  readonly #options: MarksOptions;
  readonly #batches: Batcher<MarkRequest, undefined>;

  constructor(options: MarksOptions) {
    this.#options = options;
    this.#batches = new Batcher<MarkRequest, undefined>({
      run: (requests) => this.#run(requests),
      // Short, because a message that follows a mark on the same connection waits for it.
      delayMs: 25,
      maxBatch: 500,
      maxWaiting: 10_000,
    });
  }

  /**
   * Raises the marks of a member. They are capped at the newest message and never decrease.
   *
   * @throws {AppError} `conversation_unknown`, `busy`
   */
  async raise(request: MarkRequest): Promise<void> {
    await this.#batches.add(request);
  }

  /** Resolves when no mark is waiting. */
  async drain(): Promise<void> {
    await this.#batches.drain();
  }

  async #run(requests: readonly MarkRequest[]): Promise<(undefined | AppError)[]> {
    const merged = merge(requests);
    const { members, changed } = await transact(this.#options.db, async (write) => {
      const raised = await raiseMarks(write, [...merged.values()]);
      return { members: await readMembers(write, [...merged.values()]), changed: raised };
    });
    this.#notify(members, changed, merged);
    return requests.map(({ conversationId, userId }) =>
      members.get(conversationId)?.includes(userId) === true ? undefined : unknownConversation(),
    );
  }

  #notify(
    members: ReadonlyMap<string, readonly string[]>,
    changed: readonly ChangedMark[],
    merged: ReadonlyMap<string, MarkRequest>,
  ): void {
    const { push } = this.#options;
    const byConversation = new Map<string, Mark[]>();
    for (const { conversationId, unread, ...mark } of changed) {
      byConversation.set(conversationId, [...(byConversation.get(conversationId) ?? []), mark]);
      const { readSeq, userId } = mark;
      const request = merged.get(keyOf({ conversationId, userId }));
      if ((request?.readSeq ?? 0) > 0) {
        notify(push, [userId], { type: 'unread', conversationId, readSeq, unread });
      }
    }
    for (const [conversationId, marks] of byConversation) {
      const all = members.get(conversationId) ?? [];
      const notified = all.length <= maxNotified ? all : [];
      notify(push, notified, { type: 'marks', conversationId, marks });
      if (notified.length > 0) continue;
      for (const mark of marks) {
        notify(push, [mark.userId], { type: 'marks', conversationId, marks: [mark] });
      }
    }
  }
}

function keyOf({ conversationId, userId }: Pick<MarkRequest, 'conversationId' | 'userId'>): string {
  return `${conversationId} ${userId}`;
}

/** Merges the requests of each member into the highest marks. */
function merge(requests: readonly MarkRequest[]): Map<string, MarkRequest> {
  const merged = new Map<string, MarkRequest>();
  for (const request of requests) {
    const key = keyOf(request);
    const previous = merged.get(key);
    merged.set(key, {
      ...request,
      deliveredSeq: Math.max(request.deliveredSeq, request.readSeq, previous?.deliveredSeq ?? 0),
      readSeq: Math.max(request.readSeq, previous?.readSeq ?? 0),
    });
  }
  return merged;
}

/** Raises marks in one statement; returns the changed ones. */
async function raiseMarks(write: Write, requests: readonly MarkRequest[]): Promise<ChangedMark[]> {
  const values = requests.map(
    ({ conversationId, userId, deliveredSeq, readSeq }) =>
      sql`(${conversationId}, ${userId}, cast(${deliveredSeq} as integer), cast(${readSeq} as integer))`,
  );
  const { rows } = await sql<ChangedMark>`
    with requested (conversation_id, user_id, delivered_seq, read_seq) as (values ${sql.join(values)}),
    capped as (
      select
        requested.conversation_id,
        requested.user_id,
        case when requested.delivered_seq < last_seq
          then requested.delivered_seq else last_seq end as delivered_seq,
        case when requested.read_seq < last_seq
          then requested.read_seq else last_seq end as read_seq
      from requested inner join conversations on conversations.id = requested.conversation_id
    )
    update members set
      delivered_seq = case when capped.delivered_seq > members.delivered_seq
        then capped.delivered_seq else members.delivered_seq end,
      read_seq = case when capped.read_seq > members.read_seq
        then capped.read_seq else members.read_seq end
    from capped
    where members.conversation_id = capped.conversation_id
      and members.user_id = capped.user_id
      and (capped.delivered_seq > members.delivered_seq or capped.read_seq > members.read_seq)
    returning
      members.conversation_id as "conversationId",
      members.user_id as "userId",
      members.delivered_seq as "deliveredSeq",
      members.read_seq as "readSeq",
      ${unreadCount} as unread
  `.execute(write);
  return rows;
}

async function readMembers(
  write: Write,
  requests: readonly MarkRequest[],
): Promise<Map<string, string[]>> {
  const rows = await write
    .selectFrom('members')
    .select(['conversation_id', 'user_id'])
    .where('conversation_id', 'in', [
      ...new Set(requests.map(({ conversationId }) => conversationId)),
    ])
    .execute();
  const members = new Map<string, string[]>();
  for (const { conversation_id, user_id } of rows) {
    members.set(conversation_id, [...(members.get(conversation_id) ?? []), user_id]);
  }
  return members;
}
