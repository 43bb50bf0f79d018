import { parseLoadOptions, usage } from './src/load/load-options.ts';
import { runLoad } from './src/load/run-load.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);

/** Sends messages as many users of a running messenger. Exits with 1 if a message was lost, duplicated or reordered. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    print(usage);
    return 0;
  }
  const report = await runLoad(parseLoadOptions(args), print);
  const { sent, stored, refused, shown, lost, duplicated, reordered, late, latencyMs } = report;
  print(`sent ${sent}, stored ${stored}, refused ${refused}, shown ${shown} times`);
  print(`lost ${lost}, duplicated ${duplicated}, reordered ${reordered}, late ${late}`);
  const { p50, p99, max } = latencyMs;
  print(`latency from sender to each receiver: p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)}`);
  print(`corrected by the clients: ${report.repeated} repeated, ${report.early} early`);
  const unanswered = sent - stored - refused;
  if (unanswered > 0) print(`unanswered ${unanswered}`);
  return lost + duplicated + reordered + unanswered > 0 ? 1 : 0;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
