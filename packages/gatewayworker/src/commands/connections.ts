import {
  type ConnectionRow,
  formatConnections,
  readOrphanConnections,
  requestConnections,
} from '@gatewayworker/supervisor';
import { print, printError } from '../terminal.ts';
import { type CommandContext, sendCommand } from './command-context.ts';

/** Flags of `connections`. */
export interface ConnectionsFlags {
  /** Print JSON. */
  readonly json?: true;
}

/**
 * Prints the clients of every gateway. Resolves with the exit code: 1 when the list of a gateway is incomplete.
 *
 * @throws {GW_ERR_CLUSTER_NOT_RUNNING} when no process runs
 */
export async function connections(
  context: CommandContext,
  flags: ConnectionsFlags,
): Promise<number> {
  const output = flags.json === true ? new JsonOutput() : new TableOutput();
  const onRows = (rows: readonly ConnectionRow[]) => output.add(rows);
  const missing = await sendCommand(context, {
    master: (pidFile) => requestConnections(pidFile, onRows),
    orphans: (pidFile) => readOrphanConnections(pidFile, context.declared, onRows),
  });
  output.end();
  for (const gateway of missing) printError(`${gateway} did not answer: its clients are missing\n`);
  return missing.length === 0 ? 0 : 1;
}

/** Prints a table at the end, because its columns are as wide as their widest cell. */
class TableOutput {
  readonly #rows: ConnectionRow[] = [];

  add(rows: readonly ConnectionRow[]): void {
    for (const row of rows) this.#rows.push(row);
  }

  end(): void {
    print(formatConnections(this.#rows));
  }
}

/** Prints one JSON value, and each row of it on arrival, one per line. */
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
