import { basename, relative } from 'node:path';
import { isSameFile } from './start-file.ts';

/** How this process was started. */
export interface Invocation {
  /** Command line before the command, such as `node start.js` or `npx tsx start.ts`. */
  readonly program: string;
  /** Whether pm2 runs the start file in this process, and restarts it when it ends. */
  readonly isUnderPm2: boolean;
}

/** Properties of a process that show how it was started. */
export interface ProcessFacts {
  /** First word of the command line. */
  readonly argv0: string;
  /** Options of Node.js. */
  readonly execArgv: readonly string[];
  /** Empty when the directory was removed. */
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the parent process has a channel to it, as pm2 does. */
  readonly hasChannel: boolean;
}

/** Describes how a process was started. */
export function describeInvocation(startFile: string, facts: ProcessFacts): Invocation {
  const { env, hasChannel } = facts;
  const program = [...describeRunner(facts), shortPath(startFile, facts.workingDirectory)];
  const pm2File = env['pm_exec_path'];
  const isUnderPm2 = hasChannel && pm2File !== undefined && isSameFile(pm2File, startFile);
  return { program: program.map(quote).join(' '), isUnderPm2 };
}

/** The facts of this process. */
export function processFacts(): ProcessFacts {
  return {
    argv0: process.argv0,
    execArgv: process.execArgv,
    workingDirectory: readWorkingDirectory(),
    env: process.env,
    hasChannel: process.send !== undefined,
  };
}

function describeRunner({ argv0, execArgv }: ProcessFacts): string[] {
  // The command `tsx` adds these flags; with `node --import tsx` the user typed them.
  const preflight = execArgv.findIndex((flag) =>
    /[\\/]tsx[\\/]dist[\\/]preflight\.cjs$/.test(flag),
  );
  if (preflight === -1) return [argv0, ...execArgv];
  return ['npx', 'tsx', ...execArgv.slice(0, preflight - 1), ...execArgv.slice(preflight + 3)];
}

function shortPath(file: string, workingDirectory: string): string {
  if (workingDirectory === '') return file;
  const path = relative(workingDirectory, file);
  if (path.startsWith('..')) return file;
  // Node.js would parse a name that begins with a hyphen as an option.
  return basename(path).startsWith('-') ? `./${path}` : path;
}

/** Quotes a word for a shell, if necessary. */
function quote(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function readWorkingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '';
  }
}
