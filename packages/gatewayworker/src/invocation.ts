import { basename, relative } from 'node:path';
import { isSameFile } from './start-file.ts';

/** How this process was started. */
export interface Invocation {
  /** What was typed before the command, such as `node start.js` or `npx tsx start.ts`. */
  readonly program: string;
  /** Whether pm2 has made this process from the start file and starts it again when it ends. */
  readonly isUnderPm2: boolean;
}

/** What of a process tells how it was started. */
export interface ProcessFacts {
  /** First word of the command line as it was typed. */
  readonly argv0: string;
  /** Options of Node.js. */
  readonly execArgv: readonly string[];
  /** Empty where there is none any more. */
  readonly workingDirectory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the process that made it keeps a channel to it, as pm2 does. */
  readonly hasChannel: boolean;
}

/** Says how a process was started. */
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
  // What `tsx` adds when it starts Node.js; `node --import tsx` has been typed as it stands.
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
  // Node.js takes a name that begins with a hyphen for an option.
  return basename(path).startsWith('-') ? `./${path}` : path;
}

/** Quotes a word as a shell needs it. */
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
