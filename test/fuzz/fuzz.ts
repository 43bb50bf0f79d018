import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { eventually } from '@gatewayworker/testing';
import fc from 'fast-check';
import { Bystander, listeners } from './bystander.ts';
import { mutated } from './bytes.ts';
import { allSurfaces, type Surface } from './surfaces.ts';
import { type Memory, type Report, startTarget, type TargetProcess } from './target-process.ts';
import { valueSurfaces } from './values.ts';

// Sends hostile bytes by every door of a running cluster, and hostile values through the Gateway API. The
// process under test must throw nothing that it does not catch, take no long turn, keep its memory level,
// serve other clients, and forget everything about the connections that are closed.

const usage = `npm run fuzz -- [--seconds N] [--seed N] [--surface NAME] [--inputs N]
  --seconds   how long; 0 replays the seeds only (default 60)
  --seed      of the first round (default 1)
  --surface   one surface alone
  --inputs    inputs of each surface a round (default 10)
`;

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    surface: { type: 'string' },
    inputs: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
});

/** Longest turn that a frame of less than 64 KiB may cause, in milliseconds of processor time. */
const MAX_TURN_MS = 50;

/** A slow turn counts when it is slow each time: a garbage collection makes any turn slow now and then. */
const TURN_TRIES = 5;

/** Inputs at once. */
const CONCURRENCY = 16;

/** Longest time for one input, in milliseconds. */
const INPUT_TIMEOUT_MS = 60_000;

/** Growth of the memory in use that counts as level, in bytes: caches and compiled code vary. */
const LEVEL_BYTES = 24 * 1_048_576;

/** A part of an input: Latin-1 text, or hexadecimal digits. */
interface SeedPart {
  readonly text?: string;
  readonly hex?: string;
  /** @default 1 */
  readonly repeat?: number;
}

/** An input that has shown a fault once. */
interface Seed {
  readonly surface: string;
  readonly about: string;
  readonly parts: readonly SeedPart[];
}

interface Shot {
  readonly surface: Surface;
  readonly bytes: Buffer;
  readonly leave: 'end' | 'reset';
  readonly packetBytes: number;
}

/** A fault, with the input that shows it where that is known. */
class Fault extends Error {
  readonly shot: Shot | undefined;

  constructor(message: string, options: { shot?: Shot | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.shot = options.shot;
  }
}

function bytesOf({ parts }: Seed): Buffer {
  const bytes = parts.flatMap(({ text, hex, repeat = 1 }) => {
    const part = hex === undefined ? Buffer.from(text ?? '', 'latin1') : Buffer.from(hex, 'hex');
    return Array.from({ length: repeat }, () => part);
  });
  return Buffer.concat(bytes);
}

/** A value of a caller that was not refused as it should be: no bytes show it. */
class ValueFault extends Fault {}

function isChosen({ name }: { readonly name: string }): boolean {
  return flags.surface === undefined || flags.surface === name;
}

/** A cluster under test with clients that must not notice anything. */
class Trial {
  readonly target: TargetProcess;
  readonly #bystanders: readonly Bystander[];
  readonly #before: string;

  private constructor(target: TargetProcess, bystanders: readonly Bystander[], before: string) {
    this.target = target;
    this.#bystanders = bystanders;
    this.#before = before;
  }

  static async start(): Promise<Trial> {
    const target = await startTarget();
    const open = listeners.map((listener) => Bystander.open(target.ports, listener));
    const bystanders = await Promise.all(open);
    for (const bystander of bystanders) await bystander.expectEcho();
    return new Trial(target, bystanders, JSON.stringify(await target.ask({ kind: 'tables' })));
  }

  async throwOne(shot: Shot): Promise<void> {
    const { surface, bytes, leave, packetBytes } = shot;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      const error = new Error(`not closed within ${INPUT_TIMEOUT_MS} ms`);
      timer = setTimeout(() => reject(error), INPUT_TIMEOUT_MS);
    });
    try {
      const sending = surface.throwOne(bytes, this.target, { leave, packetBytes });
      await Promise.race([sending, timeout]);
    } catch (error) {
      throw new Fault(`${surface.name}: ${String(error)}`, { shot, cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws what the process failed to catch, or what its log shows of it */
  async check(): Promise<Report> {
    const report = await this.target.ask<Report>({ kind: 'report' });
    const faults = [...report.uncaught, ...report.faults];
    if (faults.length > 0) throw new Fault(faults.slice(0, 3).join('\n'));
    return report;
  }

  /** @throws when other clients are not served, or something is left behind */
  async expectWell(): Promise<void> {
    const { target } = this;
    await Promise.all(this.#bystanders.map((bystander) => bystander.expectEcho()));
    const fresh = await Promise.all(
      listeners.map((listener) => Bystander.open(target.ports, listener)),
    );
    await Promise.all(fresh.map((client) => client.expectEcho()));
    for (const client of fresh) client.close();
    const expected = this.#before;
    const compare = async (): Promise<true> => {
      const tables = JSON.stringify(await target.ask({ kind: 'tables' }));
      if (tables !== expected) throw new Fault(`left behind: ${tables}, was ${expected}`);
      return true;
    };
    await eventually(compare, { timeoutMs: 30_000 });
  }

  /** Fastest of the slowest turns that an input causes, in milliseconds. */
  async turnOf(shot: Shot): Promise<number> {
    let fastest = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < TURN_TRIES && fastest > MAX_TURN_MS; attempt += 1) {
      await this.target.ask({ kind: 'turn' });
      await this.throwOne(shot);
      fastest = Math.min(fastest, await this.target.ask<number>({ kind: 'turn' }));
    }
    return fastest;
  }

  /** @throws when one of the inputs causes a slow turn each time */
  async expectFast(shots: readonly Shot[]): Promise<void> {
    // A reset connection may lose what it sent, so each is also sent whole and ended in an orderly way.
    const whole = shots.map((shot) => ({ ...shot, leave: 'end', packetBytes: 65_536 }) as const);
    for (const shot of [...whole, ...shots]) {
      const turnMs = await this.turnOf(shot);
      if (turnMs > MAX_TURN_MS) throw new Fault(`a turn of ${turnMs.toFixed(0)} ms`, { shot });
    }
  }

  async memory(): Promise<Memory> {
    const memory = await this.target.ask<Memory>({ kind: 'memory' });
    // The collection was a long turn of its own.
    await this.target.ask({ kind: 'turn' });
    return memory;
  }

  async stop(): Promise<void> {
    for (const bystander of this.#bystanders) bystander.close();
    await this.target.stop();
  }
}

async function inPool<T>(inputs: readonly T[], run: (input: T) => Promise<void>): Promise<void> {
  const queue = [...inputs];
  const runs = Array.from({ length: CONCURRENCY }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next);
  });
  await Promise.all(runs);
}

/** Sends a round of inputs and checks that all is well. */
async function playRound(trial: Trial, shots: readonly Shot[], seed: number): Promise<number> {
  await inPool(shots, (shot) => trial.throwOne(shot));
  const { turnMs } = await trial.check();
  for (const { name } of valueSurfaces.filter(isChosen)) {
    const question = { kind: 'values', surface: name, seed, count: 20 } as const;
    const wrong = await trial.target.ask<string[]>(question);
    if (wrong.length > 0) throw new ValueFault(`${name} by seed ${seed}: ${wrong.join('\n')}`);
  }
  await trial.check();
  await trial.expectWell();
  if (turnMs > MAX_TURN_MS) await trial.expectFast(shots);
  return turnMs;
}

/** Finds the input of a failed round that shows the fault by itself. */
async function findCulprit(shots: readonly Shot[]): Promise<Shot | undefined> {
  const trial = await Trial.start();
  try {
    for (const shot of shots) {
      const outcome = await trial
        .throwOne(shot)
        .then(() => trial.check())
        .catch(() => undefined);
      if (outcome === undefined) return shot;
      const isWell = await trial.expectWell().then(
        () => true,
        () => false,
      );
      if (!isWell) return shot;
    }
    return undefined;
  } finally {
    await trial.stop();
  }
}

function describe(shot: Shot): string {
  const seed = {
    surface: shot.surface.name,
    about: '',
    parts: [{ hex: shot.bytes.toString('hex') }],
  };
  return `input of ${shot.bytes.length} bytes, as an entry of test/fuzz/seeds.json:\n${JSON.stringify(seed)}\n`;
}

function shotsOfRound(
  surfaces: readonly Surface[],
  seeds: readonly Seed[],
  seed: number,
): readonly Shot[] {
  const numRuns = Number(flags.inputs);
  const how = fc.record({
    leave: fc.constantFrom<'end' | 'reset'>('end', 'reset'),
    packetBytes: fc.constantFrom(1, 7, 65_536, 65_536, 65_536, 65_536),
  });
  return surfaces.flatMap((surface) => {
    const known = seeds.filter((one) => one.surface === surface.name).map(bytesOf);
    const changed = known.length === 0 ? [] : [mutated(fc.constantFrom(...known))];
    const input = fc.record({ bytes: fc.oneof(surface.input, ...changed), how });
    return fc
      .sample(input, { seed, numRuns })
      .map((one) => ({ surface, bytes: one.bytes, ...one.how }));
  });
}

function megabytes({ usedBytes, residentBytes }: Memory): string {
  const text = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`;
  return `${text(usedBytes)} used, ${text(residentBytes)} resident`;
}

async function replaySeeds(
  trial: Trial,
  surfaces: readonly Surface[],
  seeds: readonly Seed[],
): Promise<void> {
  for (const seed of seeds) {
    for (const surface of surfaces.filter(({ name }) => name === seed.surface)) {
      const shot = { surface, bytes: bytesOf(seed), leave: 'end', packetBytes: 65_536 } as const;
      const turnMs = await trial.turnOf(shot);
      await trial.check().catch((error: unknown) => {
        throw new Fault(`${seed.about}: ${String(error)}`, { shot, cause: error });
      });
      if (turnMs > MAX_TURN_MS) {
        throw new Fault(`${seed.about}: a turn of ${turnMs.toFixed(0)} ms`, { shot });
      }
    }
  }
  await trial.expectWell();
}

async function run(trial: Trial): Promise<void> {
  const surfaces = (await allSurfaces()).filter(isChosen);
  if (surfaces.length + valueSurfaces.filter(isChosen).length === 0) {
    throw new Fault(`there is no surface ${flags.surface}`);
  }
  const seeds: readonly Seed[] = JSON.parse(
    await readFile(new URL('./seeds.json', import.meta.url), 'utf8'),
  );
  await replaySeeds(trial, surfaces, seeds);
  process.stdout.write(`${seeds.length} seeds replayed\n`);
  const start = performance.now();
  const end = start + Number(flags.seconds) * 1000;
  let seed = Number(flags.seed);
  let level: Memory | undefined;
  let inputs = 0;
  let longest = 0;
  let reported = start;
  for (let round = 1; performance.now() < end; round += 1) {
    const shots = shotsOfRound(surfaces, seeds, seed);
    try {
      longest = Math.max(longest, await playRound(trial, shots, seed));
    } catch (error) {
      process.stderr.write(`round ${round} by seed ${seed}\n`);
      if (error instanceof ValueFault || (error instanceof Fault && error.shot)) throw error;
      throw new Fault(String(error), { shot: await findCulprit(shots), cause: error });
    }
    seed += 1;
    inputs += shots.length;
    // Caches are filled and code is compiled by a fifth of the time.
    if (level === undefined && performance.now() - start > (end - start) / 5) {
      level = await trial.memory();
    }
    if (performance.now() - reported > 10_000) {
      reported = performance.now();
      const passed = Math.round((reported - start) / 1000);
      process.stdout.write(`${passed} s, ${inputs} inputs, ${megabytes(await trial.memory())}\n`);
    }
  }
  if (level === undefined) return;
  const last = await trial.memory();
  process.stdout.write(
    `${inputs} inputs by ${surfaces.length} surfaces, seeds ${flags.seed} to ${seed - 1}; longest turn of a round ${longest.toFixed(0)} ms\n` +
      `memory after a fifth of the time: ${megabytes(level)}\nmemory at the end: ${megabytes(last)}\n`,
  );
  if (last.usedBytes - level.usedBytes > LEVEL_BYTES) throw new Fault('memory has grown');
}

if (flags.help) {
  process.stdout.write(usage);
} else {
  const trial = await Trial.start();
  try {
    await run(trial);
    process.stdout.write('nothing was thrown, no turn was long, every client was served\n');
  } catch (error) {
    const shot = error instanceof Fault ? error.shot : undefined;
    if (shot !== undefined) process.stderr.write(describe(shot));
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    await trial.stop();
  }
}
