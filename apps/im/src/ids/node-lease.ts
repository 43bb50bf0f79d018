import { randomUUID } from 'node:crypto';
import type { Logger } from 'gatewayworker';
import type { Database, NodeRow, Write } from '../database/schema.ts';
import type { IdGenerator } from './id-generator.ts';

/** Duration of a lease, and the interval of its renewal, in milliseconds. */
const leaseMs = 30_000;
const renewalMs = 10_000;
const nodes = 1024;

/** Dependencies of a lease. */
export interface NodeLeaseOptions {
  readonly db: Database;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  /** @default Date.now */
  readonly now?: () => number;
}

/**
 * Leases a node number for an id generator from the database, and renews the lease while the process lives.
 *
 * A row stores the holder of a number, the expiry, and the horizon: the latest time that its ids may use. A holder creates
 * no id beyond the horizon that it has stored, and the next holder starts after that horizon. So two processes never
 * create the same id, even if one was suspended for minutes or their clocks differ by hours. The expiry only determines
 * when another process may take the number.
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

  /** The leased number; undefined when there is none. */
  get node(): number | undefined {
    return this.#node;
  }

  /**
   * Leases a number and renews the lease until `stop`.
   *
   * @throws when all numbers are leased, or the database cannot be reached
   */
  async start(): Promise<void> {
    await this.renew();
    this.#timer = setInterval(() => {
      this.#renewal = this.renew().catch((error: unknown) => {
        // The generator works up to the horizon; the next interval tries again.
        this.#options.logger.warn({ err: error }, 'node lease not renewed');
      });
    }, renewalMs);
  }

  /** Releases the number. */
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

  /** Renews the lease, or leases another number if it was lost. */
  async renew(): Promise<void> {
    const { db, ids, now } = this.#options;
    const time = now();
    const untilMs = Math.max(time, ids.lastMs) + leaseMs;
    const terms = { expires_at: time + leaseMs, horizon: untilMs };
    await db.transaction().execute(async (write) => {
      if (this.#node !== undefined && (await this.#extend(write, this.#node, terms))) return;
      const taken = await this.#take(write, time, terms);
      this.#node = taken.node;
      this.#afterMs = taken.afterMs;
    });
    // After the commit: the stored horizon must be durable before ids use it.
    if (this.#node !== undefined) ids.use({ node: this.#node, afterMs: this.#afterMs, untilMs });
  }

  async #extend(write: Write, node: number, terms: Terms): Promise<boolean> {
    const { numUpdatedRows } = await write
      .updateTable('nodes')
      .set(terms)
      .where('node', '=', node)
      .where('holder', '=', this.#holder)
      .executeTakeFirst();
    if (numUpdatedRows === 1n) return true;
    this.#options.logger.warn({ node }, 'node number taken over by another process');
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
    throw new Error(`all ${nodes} node numbers are leased`);
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

/** Free numbers, starting at a random one, so that processes that start together rarely conflict. */
function* candidates(rows: ReadonlyMap<number, NodeRow>, time: number): Generator<number> {
  const first = Math.floor(Math.random() * nodes);
  for (let step = 0; step < nodes; step += 1) {
    const node = (first + step) % nodes;
    const row = rows.get(node);
    // Skip a horizon in the future: its holder had a clock that was ahead.
    if (row === undefined || (row.expires_at < time && row.horizon <= time)) yield node;
  }
}
