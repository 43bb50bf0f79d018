// The keeper: starts the master again when that was killed. It is a program of its own that loads nothing
// but Node.js, because it lives beside every master and does nothing nearly always.
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { KeeperOrder } from './keeper-order.ts';

/** A master that lived this long was well. */
const wellAfterMs = 10_000;
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;
/** Time that a master has to notice that another one is in charge. */
const yieldTimeoutMs = 5_000;
/** Levels of pino. */
const levels = { warn: 40, error: 50 } as const;

const startedAt = performance.now();
let order: KeeperOrder | undefined;
let isArmed = false;
let hasFarewell = false;
let deaths = 0;
let successor: ChildProcess | undefined;

// What a terminal sends to all is for the master to obey.
for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => {});
readLines((line) => {
  if (order === undefined) begin(JSON.parse(line));
  else if (line === 'armed') isArmed = true;
  else if (line === 'farewell') hasFarewell = true;
});

function readLines(onLine: (line: string) => void): void {
  let rest = '';
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  // A pipe that breaks is a master that is gone: its end follows.
  for (const stream of [process.stdin, process.stdout, process.stderr]) {
    stream.on('error', () => {});
  }
  process.stdin.once('close', handleLostMaster);
}

function begin(given: KeeperOrder): void {
  order = given;
  deaths = given.deaths;
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const pid = /^yield (\d+)\n/.exec(text)?.[1];
      if (pid !== undefined) giveWay(Number(pid));
    });
    socket.on('error', () => socket.destroy());
  });
  // One of before may still have it open, under no name then.
  rmSync(given.socketPath, { force: true });
  // A path is bound within the call, so the mask leaves no moment in which others may connect.
  const mask = process.umask(0o177);
  server.listen(given.socketPath, () => process.stdout.write('watching\n'));
  process.umask(mask);
}

/** The master has ended: it was killed, unless it has said farewell. */
function handleLostMaster(): void {
  if (order === undefined || hasFarewell || !isArmed) process.exit(0);
  const livedMs = order.masterLivedMs + performance.now() - startedAt;
  if (order.notice !== null) process.stderr.write(order.notice);
  startAgain(livedMs, `the master (pid ${order.masterPid}) was killed`);
}

function startAgain(livedMs: number, what: string): void {
  deaths = livedMs >= wellAfterMs ? 0 : deaths + 1;
  const pauseMs = deaths < 2 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** (deaths - 2));
  const when = pauseMs === 0 ? 'at once' : `in ${pauseMs} ms`;
  log(levels.error, `${what}; it is started again ${when}`);
  setTimeout(startSuccessor, pauseMs);
}

function startSuccessor(): void {
  const bornAt = performance.now();
  const end = (what: string) => {
    successor = undefined;
    startAgain(performance.now() - bornAt, what);
  };
  try {
    const child = spawnMaster();
    successor = child;
    // Of the two, only one happens.
    child.once('error', (error) => end(`the master could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      if (code !== null && order?.finalExitCodes.includes(code)) process.exit(0);
      end(`the new master ended with ${signal ?? `exit code ${code}`}`);
    });
  } catch (error) {
    end(`the master could not be started: ${error}`);
  }
}

function spawnMaster(): ChildProcess {
  if (order === undefined) throw new Error('there is no order');
  const { command, deathsVariable, logFile } = order;
  mkdirSync(dirname(logFile), { recursive: true });
  const output = openSync(logFile, 'a');
  try {
    return spawn(command.file, [...command.args], {
      cwd:
        [command.cwd, dirname(command.args.at(-2) ?? '/')].find((path) => existsSync(path)) ?? '/',
      env: { ...command.env, [deathsVariable]: String(deaths) },
      detached: true,
      stdio: ['ignore', output, output],
    });
  } finally {
    closeSync(output);
  }
}

/** Another process is in charge: the successor, or one that somebody else has started. */
function giveWay(pid: number): void {
  const child = successor;
  if (child === undefined || child.pid === pid) process.exit(0);
  // It finds the other one, and ends. Nobody must come back after whoever is in charge has stopped.
  child.once('exit', () => process.exit(0));
  setTimeout(() => child.kill('SIGKILL'), yieldTimeoutMs);
}

function log(level: number, msg: string): void {
  if (order === undefined) return;
  const time = new Date().toISOString();
  const line = { level, time, pid: process.pid, role: 'keeper', name: order.name, msg };
  try {
    appendFileSync(order.logFile, `${JSON.stringify(line)}\n`);
  } catch {
    // What it is there for matters more.
  }
}
