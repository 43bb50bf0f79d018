import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { contenderNames, findContender } from './contenders/find-contenders.ts';
import { type Scenario, scenarios } from './scenarios.ts';

/** Options of a run of the benchmark. */
export interface BenchmarkOptions {
  readonly scenarios: readonly Scenario[];
  /** Contenders of every scenario; `undefined` for the own contenders of each. */
  readonly contenders: readonly string[] | undefined;
  /** Length of one measurement, in seconds. */
  readonly seconds: number;
  /** Length of the load before it, in seconds. */
  readonly warmSeconds: number;
  /** Idle time before memory is measured, in seconds. */
  readonly idleSeconds: number;
  readonly rounds: number;
  /** Processes of the load generator. */
  readonly generators: number;
  /** Upper limit for the clients of a scenario. */
  readonly clients: number;
  /** Markdown file whose marked parts are replaced. */
  readonly write: string | undefined;
  /** Folder for the figures and the chart. */
  readonly results: string;
  readonly isHelp: boolean;
}

/** Thrown for wrong usage of the command line. */
export class UsageError extends Error {}

/** Text of `--help`. */
export const usage: string = `Usage: npm run bench -- [options]

  --only NAMES        scenarios, separated by commas
  --contenders NAMES  servers, separated by commas: ${contenderNames}
  --seconds N         length of one measurement (4)
  --warm N            load before each measurement, in seconds (2)
  --idle N            idle time before memory is measured, in seconds (40)
  --rounds N          rounds in which each contender runs once (3)
  --generators N      processes of the load generator (1 on up to 3 cores, otherwise 2)
  --clients N         upper limit for clients, for a first try or a low limit of open files (10000)
  --write FILE        also replace the marked parts of a Markdown file by tables and chart
  --results FOLDER    folder for figures and chart (benchmark/results)
  --help

Scenarios:
${scenarios.map(({ name, title }) => `  ${name.padEnd(18)}  ${title}`).join('\n')}
`;

/**
 * Parses the command line.
 *
 * @throws UsageError that names the wrong value and what is allowed
 */
export function parseOptions(args: readonly string[]): BenchmarkOptions {
  const values = parseValues(args);
  return {
    scenarios: values.only === undefined ? scenarios : splitNames(values.only).map(findScenario),
    contenders: values.contenders === undefined ? undefined : parseContenders(values.contenders),
    seconds: parseNumber('--seconds', values.seconds, { min: 0.1, max: 3600 }),
    warmSeconds: parseNumber('--warm', values.warm, { min: 0, max: 3600 }),
    idleSeconds: parseNumber('--idle', values.idle, { min: 0, max: 3600 }),
    rounds: parseNumber('--rounds', values.rounds, { min: 1, max: 100, isWhole: true }),
    generators: parseNumber('--generators', values.generators, {
      min: 1,
      max: 64,
      isWhole: true,
    }),
    clients: parseNumber('--clients', values.clients, { min: 2, max: 50_000, isWhole: true }),
    write: values.write,
    results: values.results,
    isHelp: values.help,
  };
}

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        contenders: { type: 'string' },
        seconds: { type: 'string', default: '4' },
        warm: { type: 'string', default: '2' },
        idle: { type: 'string', default: '40' },
        rounds: { type: 'string', default: '3' },
        generators: { type: 'string', default: availableParallelism() < 4 ? '1' : '2' },
        clients: { type: 'string', default: '10000' },
        write: { type: 'string' },
        results: { type: 'string', default: 'benchmark/results' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function splitNames(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

function findScenario(name: string): Scenario {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (scenario !== undefined) return scenario;
  const known = scenarios.map((candidate) => candidate.name).join(', ');
  throw new UsageError(`there is no scenario '${name}'; known: ${known}`);
}

function parseContenders(text: string): string[] {
  const names = splitNames(text);
  const unknown = names.find((name) => findContender(name) === undefined);
  if (unknown === undefined) return names;
  throw new UsageError(`there is no contender '${unknown}'; known: ${contenderNames}`);
}

function parseNumber(
  option: string,
  text: string,
  range: { readonly min: number; readonly max: number; readonly isWhole?: boolean },
): number {
  const value = Number(text);
  const isValid = range.isWhole ? Number.isInteger(value) : Number.isFinite(value);
  if (text.trim() !== '' && isValid && value >= range.min && value <= range.max) return value;
  const kind = range.isWhole ? 'a whole number' : 'a number';
  throw new UsageError(
    `${option} is '${text}'; allowed: ${kind} from ${range.min} to ${range.max}`,
  );
}
