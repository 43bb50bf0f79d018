import {
  type ConnectionRow,
  formatConnections,
  readOrphanConnections,
  requestConnections,
} from '@gatewayworker/supervisor';
import { print, printError } from '../terminal.ts';
import { askRunning, type CommandContext } from './command-context.ts';

/** Flags of `connections`. */
export interface ConnectionsFlags {
  /** Print the clients for programs. */
  readonly json?: true;
}

/**
 * Prints the clients of every gateway; answers the exit code, 1 when a gateway has not told all of them.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when nothing runs
 */
export async function connections(
  context: CommandContext,
  flags: ConnectionsFlags,
): Promise<number> {
  const output = flags.json === true ? new JsonOutput() : new TableOutput();
  const onRows = (rows: readonly ConnectionRow[]) => output.add(rows);
  const missing = await askRunning(context, {
    master: (pidFile) => requestConnections(pidFile, onRows),
    orphans: (pidFile) => readOrphanConnections(pidFile, context.declared, onRows),
  });
  output.end();
  for (const gateway of missing) printError(`${gateway} did not answer: its clients are missing\n`);
  return missing.length === 0 ? 0 : 1;
}

/** A table is as wide as its widest row: it is printed at the end. */
class TableOutput {
  readonly #rows: ConnectionRow[] = [];

  add(rows: readonly ConnectionRow[]): void {
    for (const row of rows) this.#rows.push(row);
  }

  end(): void {
    print(formatConnections(this.#rows));
  }
}

/** Prints each row as it comes, one to a line, as parts of one JSON value. */
class JsonOutput {
  #count = 0;

  add(rows: readonly ConnectionRow[]): void {
    for (const row of rows) {
      print(`${this.#count === 0 ? '{"connections":[' : ','}\n${JSON.stringify(row)}`);
      this.#count += 1;
    }
  }

  end(): void {
    print(this.#count === 0 ? '{"connections":[]}\n' : '\n]}\n');
  }
}
