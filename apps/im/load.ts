import { parseLoadOptions, usage } from './src/load/load-options.ts';
import { runLoad } from './src/load/run-load.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);

/** Logs people in on a running messenger and has them talk. Exits with 1 when anything was lost, doubled or reordered. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    print(usage);
    return 0;
  }
  const report = await runLoad(parseLoadOptions(args), print);
  const { said, stored, refused, seen, lost, doubled, reordered, late, latencyMs } = report;
  print(`said ${said}, stored ${stored}, refused ${refused}, seen ${seen} times`);
  print(`lost ${lost}, doubled ${doubled}, reordered ${reordered}, late ${late}`);
  const { p50, p99, max } = latencyMs;
  print(`from sending to each screen: p50 ${ms(p50)}, p99 ${ms(p99)}, longest ${ms(max)}`);
  print(`put right by the clients: ${report.repeated} repeated, ${report.early} early`);
  const unanswered = said - stored - refused;
  if (unanswered > 0) print(`unanswered ${unanswered}`);
  return lost + doubled + reordered + unanswered > 0 ? 1 : 0;
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
