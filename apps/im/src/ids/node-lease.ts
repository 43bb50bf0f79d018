import { randomUUID } from 'node:crypto';
import type { Logger } from 'gatewayworker';
import type { Database, NodeRow, Write } from '../database/schema.ts';
import type { IdGenerator } from './id-generator.ts';

/** For how long a number is taken, and how often that is prolonged, in milliseconds. */
const leaseMs = 30_000;
const renewalMs = 10_000;
const nodes = 1024;

/** What a lease works with. */
export interface NodeLeaseOptions {
  readonly db: Database;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  /** @default Date.now */
  readonly now?: () => number;
}

/**
 * Leases a node number for an id generator from the database, and prolongs it while the process lives.
 *
 * A row says who holds a number, until when, and up to which time its ids may have been used: the horizon. Nobody
 * issues an id beyond the horizon that they have written, and the next holder begins behind it. So two
 * processes never make the same id, even if one was stopped for minutes or their clocks differ by hours; the
 * expiry only says when a number may be taken over.
 */
export class NodeLease {
  readonly #options: Required<NodeLeaseOptions>;
  readonly #holder = randomUUID();
  #node: number | undefined;
  #afterMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> = Promise.resolve();

  constructor(options: NodeLeaseOptions) {
    this.#options = { now: Date.now, ...options };
  }

  /** The number that is held; undefined when none is. */
  get node(): number | undefined {
    return this.#node;
  }

  /**
   * Takes a number and keeps it until `stop`.
   *
   * @throws when all are taken, or the database does not answer
   */
  async start(): Promise<void> {
    await this.renew();
    this.#timer = setInterval(() => {
      this.#renewal = this.renew().catch((error: unknown) => {
        // The generator goes on to the horizon and then refuses; the next turn tries again.
        this.#options.logger.warn({ err: error }, 'the node number could not be prolonged');
      });
    }, renewalMs);
  }

  /** Gives the number back. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewal;
    const { db, ids } = this.#options;
    ids.use(undefined);
    if (this.#node === undefined) return;
    await db.transaction().execute((write) =>
      write
        .updateTable('nodes')
        .set({ expires_at: 0, horizon: Math.max(ids.lastMs, this.#afterMs) })
        .where('node', '=', this.#node ?? -1)
        .where('holder', '=', this.#holder)
        .execute(),
    );
  }

  /** Prolongs the lease, or takes another number when it was lost. */
  async renew(): Promise<void> {
    const { db, ids, now } = this.#options;
    const time = now();
    const untilMs = Math.max(time, ids.lastMs) + leaseMs;
    const terms = { expires_at: time + leaseMs, horizon: untilMs };
    await db.transaction().execute(async (write) => {
      if (this.#node !== undefined && (await this.#prolong(write, this.#node, terms))) return;
      const taken = await this.#take(write, time, terms);
      this.#node = taken.node;
      this.#afterMs = taken.afterMs;
    });
    // Only now: what the transaction has written counts when it is committed.
    if (this.#node !== undefined) ids.use({ node: this.#node, afterMs: this.#afterMs, untilMs });
  }

  async #prolong(write: Write, node: number, terms: Terms): Promise<boolean> {
    const { numUpdatedRows } = await write
      .updateTable('nodes')
      .set(terms)
      .where('node', '=', node)
      .where('holder', '=', this.#holder)
      .executeTakeFirst();
    if (numUpdatedRows === 1n) return true;
    this.#options.logger.warn({ node }, 'another process has taken the node number over');
    return false;
  }

  async #take(write: Write, time: number, terms: Terms): Promise<Taken> {
    const rows = new Map<number, NodeRow>();
    for (const row of await write.selectFrom('nodes').selectAll().execute())
      rows.set(row.node, row);
    for (const node of candidates(rows, time)) {
      if (await this.#takeOne(write, node, { terms, row: rows.get(node) })) {
        return { node, afterMs: rows.get(node)?.horizon ?? 0 };
      }
    }
    throw new Error(`all ${nodes} node numbers are taken`);
  }

  async #takeOne(
    write: Write,
    node: number,
    { terms, row }: { readonly terms: Terms; readonly row: NodeRow | undefined },
  ): Promise<boolean> {
    const values = { ...terms, holder: this.#holder };
    if (row === undefined) {
      const { numInsertedOrUpdatedRows } = await write
        .insertInto('nodes')
        .values({ node, ...values })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    }
    const { numUpdatedRows } = await write
      .updateTable('nodes')
      .set(values)
      .where('node', '=', node)
      .where('holder', '=', row.holder)
      .where('expires_at', '=', row.expires_at)
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }
}

type Terms = Pick<NodeRow, 'expires_at' | 'horizon'>;

interface Taken {
  readonly node: number;
  readonly afterMs: number;
}

/** Free numbers, from a random one on so that processes that start together rarely want the same. */
function* candidates(rows: ReadonlyMap<number, NodeRow>, time: number): Generator<number> {
  const first = Math.floor(Math.random() * nodes);
  for (let step = 0; step < nodes; step += 1) {
    const node = (first + step) % nodes;
    const row = rows.get(node);
    // A horizon ahead of the clock was written by a clock that is ahead; there are other numbers.
    if (row === undefined || (row.expires_at < time && row.horizon <= time)) yield node;
  }
}
