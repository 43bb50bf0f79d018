import { parseArgs } from 'node:util';

/** Options of the load script. */
export interface LoadOptions {
  /** URL of the running messenger. */
  readonly address: string;
  readonly users: number;
  /** Users per group; each user also has a friend. */
  readonly groupSize: number;
  readonly seconds: number;
  /** Messages per second of all users together. */
  readonly rate: number;
  /** A longer latency counts as late, in milliseconds. */
  readonly lateMs: number;
  /** Prefix of the user names. */
  readonly name: string;
}

export const usage = `Usage: load.ts [options]
  --address <url>     URL of the messenger            (http://127.0.0.1:3002)
  --users <n>         number of users, 2 to 20000     (1000)
  --group-size <n>    users per group, 2 to 200       (10)
  --seconds <n>       duration                        (30)
  --rate <n>          messages per second             (100)
  --late-ms <n>       a longer latency is late        (1000)
  --name <text>       prefix of the user names        (load)
`;

/**
 * Parses the arguments of the load script.
 *
 * @throws {TypeError} when one is unknown
 * @throws {RangeError} when a value is not allowed, naming it
 */
export function parseLoadOptions(args: readonly string[]): LoadOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      address: { type: 'string', default: 'http://127.0.0.1:3002' },
      users: { type: 'string', default: '1000' },
      'group-size': { type: 'string', default: '10' },
      seconds: { type: 'string', default: '30' },
      rate: { type: 'string', default: '100' },
      'late-ms': { type: 'string', default: '1000' },
      name: { type: 'string', default: 'load' },
    },
  });
  const number = (
    key: Exclude<keyof typeof values, 'address' | 'name'>,
    min: number,
    max: number,
  ) => {
    const value = Number(values[key]);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new RangeError(`--${key} is '${values[key]}'; allowed: ${min} to ${max}`);
  };
  const { address, name } = values;
  if (!URL.canParse(address)) throw new RangeError(`--address is '${address}'; allowed: a URL`);
  if (!/^[a-z]{1,16}$/.test(name)) throw new RangeError(`--name is '${name}'; allowed: a-z`);
  return {
    address: new URL(address).origin,
    name,
    users: number('users', 2, 20_000),
    groupSize: number('group-size', 2, 200),
    seconds: number('seconds', 1, 86_400),
    rate: number('rate', 1, 100_000),
    lateMs: number('late-ms', 1, 600_000),
  };
}
