import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { contenderNames, findContender } from './contenders/find-contenders.ts';
import { type Scenario, scenarios } from './scenarios.ts';

/** What a run of the benchmark is to do. */
export interface BenchmarkOptions {
  readonly scenarios: readonly Scenario[];
  /** Contenders of every scenario; undefined for those that each has by itself. */
  readonly contenders: readonly string[] | undefined;
  /** Length of one measurement, and of the load before it, in seconds. */
  readonly seconds: number;
  readonly warmSeconds: number;
  /** Time without any event before the memory of clients is looked at, in seconds. */
  readonly idleSeconds: number;
  readonly rounds: number;
  /** Processes of the load generator. */
  readonly generators: number;
  /** Most clients of a scenario. */
  readonly clients: number;
  /** Markdown file whose marked parts are replaced. */
  readonly write: string | undefined;
  /** Folder that gets the figures and the chart. */
  readonly results: string;
  readonly isHelp: boolean;
}

/** Is thrown for what was typed wrong on the command line. */
export class UsageError extends Error {}

/** What `--help` prints. */
export const usage: string = `Usage: npm run bench -- [options]

  --only NAMES        scenarios, separated by commas
  --contenders NAMES  servers, separated by commas: ${contenderNames}
  --seconds N         length of one measurement (4)
  --warm N            load before each measurement, in seconds (2)
  --idle N            time that clients are left alone before their memory is measured, in seconds (40)
  --rounds N          how often each contender takes its turn (3)
  --generators N      processes of the load generator (1 on up to 3 cores, otherwise 2)
  --clients N         at most so many clients, for a first try or where few files may be open (10000)
  --write FILE        also put tables and chart into the marked parts of a Markdown file
  --results FOLDER    where figures and chart are written (benchmark/results)
  --help

Scenarios:
${scenarios.map(({ name, title }) => `  ${name.padEnd(18)}  ${title}`).join('\n')}
`;

/**
 * Reads the command line.
 *
 * @throws UsageError that names what is wrong and what is allowed
 */
export function parseOptions(args: readonly string[]): BenchmarkOptions {
  const values = parseValues(args);
  return {
    scenarios: values.only === undefined ? scenarios : splitNames(values.only).map(findScenario),
    contenders: values.contenders === undefined ? undefined : parseContenders(values.contenders),
    seconds: parseNumber('--seconds', values.seconds, { least: 0.1, most: 3600 }),
    warmSeconds: parseNumber('--warm', values.warm, { least: 0, most: 3600 }),
    idleSeconds: parseNumber('--idle', values.idle, { least: 0, most: 3600 }),
    rounds: parseNumber('--rounds', values.rounds, { least: 1, most: 100, isWhole: true }),
    generators: parseNumber('--generators', values.generators, {
      least: 1,
      most: 64,
      isWhole: true,
    }),
    clients: parseNumber('--clients', values.clients, { least: 2, most: 50_000, isWhole: true }),
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
  throw new UsageError(`there is no scenario '${name}'; there are ${known}`);
}

function parseContenders(text: string): string[] {
  const names = splitNames(text);
  const unknown = names.find((name) => findContender(name) === undefined);
  if (unknown === undefined) return names;
  throw new UsageError(`there is no contender '${unknown}'; there are ${contenderNames}`);
}

function parseNumber(
  option: string,
  text: string,
  range: { readonly least: number; readonly most: number; readonly isWhole?: boolean },
): number {
  const value = Number(text);
  const isRight = range.isWhole ? Number.isInteger(value) : Number.isFinite(value);
  if (text.trim() !== '' && isRight && value >= range.least && value <= range.most) return value;
  const kind = range.isWhole ? 'a whole number' : 'a number';
  throw new UsageError(
    `${option} is '${text}'; it takes ${kind} from ${range.least} to ${range.most}`,
  );
}
