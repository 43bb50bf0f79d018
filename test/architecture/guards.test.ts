import { expect, test } from 'vitest';
import { listFiles, listSources, readText, withoutComments } from './repository.ts';

/** Where every connection and link of a process is served; a log belongs to no connection. */
const guarded = [
  ...['core', 'gateway', 'register', 'discovery', 'gateway-client', 'business-worker', 'supervisor']
    .flatMap((folder) => listSources(folder))
    .filter((path) => !/core\/src\/(?:logger|output|throttled-log)\.ts$/.test(path)),
];

/** Whatever hands a function to Node.js, which calls it later: an exception there ends the process. */
const registration =
  /\.(?:on|once|addListener|prependListener|prependOnceListener)\(|(?<![\w#])(?:setTimeout|setInterval|setImmediate|queueMicrotask)\(|\.(?:nextTick|setTimeout|then|catch|finally)\(|(?<![#\w])create(?:Tls)?Server\(|\.(?:write|end)\((?=[^()]*,\s*(?:\(|\w+\)))|\bvoid (?=[\w.#?]+\()/g;

/** Functions that run nothing of ours: they end a socket, clear a timer, forget an entry or settle a promise. */
const harmless =
  /^(?:(?:resolve|reject|ignoreError|this\.#handleClosed|this\.#settle)|\(\) => (?:undefined|\{\}|resolve\(\w*\)|clearTimeout\(\w+\)|clearInterval\(\w+\)|(?:this\.)?[#\w.?]+\.(?:destroy|delete|release|abort)\([\w.]*\)))$/;

/** Registrations that need no guard, by their first line, and why. */
const exempt: Readonly<Record<string, string>> = {
  'packages/core/src/flush-scheduler.ts: setImmediate(this.#run);':
    'the turn of a process: each flush in it is guarded',
  'packages/core/src/descriptor-reserve.ts: this.#timer = setInterval(() => this.#check(), CHECK_INTERVAL_MS).unref();':
    'a timer of the process, which concerns no connection',
  "packages/core/src/frame-server.ts: this.#server.on('error', (err) => this.#log.warn({ err }, 'inner listener failed'));":
    'the listening socket of the process',
  "packages/core/src/listen.ts: server.once('error', fail);": 'settles the promise of a start',
  "packages/core/src/listen.ts: server.once('listening', succeed);":
    'settles the promise of a start',
  'packages/core/src/guard.ts: void promise.then(this.wrap(point, onValue, end), handleReason);':
    'the guard itself',
  'packages/core/src/request-table.ts: this.#timer ??= setInterval(() => this.expire(), this.#tickMs);':
    'rejects promises, which runs nothing within the call',
  'packages/core/src/deadline-buckets.ts: this.#timer = setInterval(() => this.check(), TICK_MS);':
    'settles promises, or sends reports over inner links, which does not throw',
  'packages/gateway/src/resume/lane-table.ts: const timer = setTimeout(settle, START_TIMEOUT_MS);':
    'settles a promise',
  'packages/gateway/src/resume/parked-clients.ts: this.#timer ??= setInterval(this.#check, CHECK_MS).unref();':
    'a timer of the process: each client in it is guarded',
  'packages/gateway/src/resume/session-moves.ts: const timer = setTimeout(() => this.#end(requestId), CLAIM_TIMEOUT_MS);':
    'settles a promise',
  'packages/gateway/src/workers/event-dispatcher.ts: this.#bindTimer = setImmediate(() => {':
    'a timer of the process: each client in it is guarded',
  'packages/gateway/src/workers/worker-balancer.ts: this.#timer = setInterval(() => this.#balance(), BALANCE_INTERVAL_MS).unref();':
    'a timer of the process: each client in it is guarded',
  'packages/gateway/src/clients/heartbeat.ts: this.#timer = setInterval(() => this.#checkPart(), (pingInterval * 1000) / TABLE_PARTS);':
    'a timer of the process: each client in it is guarded',
  'packages/gateway/src/workers/held-events.ts: this.#timer = setInterval(() => this.#expireClients(), checkMs).unref();':
    'a timer of the process: each client in it is guarded',
  'packages/gateway/src/subscriptions/interest-publisher.ts: setImmediate(() => {':
    'a timer of the process: each link in it is guarded',
  "packages/gateway/src/transports/client-listener.ts: this.#server.on('error', (err) => this.#log.warn({ err }, 'client listener failed'));":
    'the listening socket of the process',
  "packages/gateway/src/transports/client-listener.ts: raw.once('close', () => {":
    'counts a number down',
  "packages/gateway/src/transports/connections-per-address.ts: socket.once('close', () => this.#release(key));":
    'counts a number down',
  "packages/gateway/src/transports/websocket-socket.ts: socket.on('end', end);":
    'ends the socket, which does not throw',
  "packages/gateway/src/transports/websocket-socket.ts: socket.on('error', error);":
    'ends the socket, which does not throw',
  "packages/gateway/src/transports/websocket-socket.ts: socket.on('close', close);":
    '`createListeners` makes it by the guard, once for all clients',
  "packages/gateway/src/transports/websocket-socket.ts: socket.on('data', data);":
    '`createListeners` makes it by the guard, once for all clients',
  "packages/gateway/src/transports/websocket-socket.ts: websocket.on('message', message);":
    '`createListeners` makes it by the guard, once for all clients',
  "packages/gateway/src/transports/websocket-socket.ts: websocket.on('ping', ping);":
    '`createListeners` makes it by the guard, once for all clients',
  "packages/gateway/src/transports/websocket-socket.ts: websocket.on('error', error);":
    '`createListeners` makes it by the guard, once for all clients',
  "packages/gateway/src/transports/websocket-socket.ts: websocket.on('close', close);":
    '`createListeners` makes it by the guard, once for all clients',
  'packages/register/src/register-runtime.ts: this.#syncTimer = setTimeout(() => {':
    'a timer of the process: each link in it is guarded',
  'packages/discovery/src/bounded-abort.ts: this.#timer = setTimeout(expire, timeoutMs);':
    'aborts a request to an etcd',
  'packages/discovery/src/etcd-view.ts: const probe = setInterval(() => {':
    'asks the etcd, and catches',
  "packages/discovery/src/post-json.ts: request.on('close', () => signal.removeEventListener('abort', abort));":
    'removes a listener',
  "packages/discovery/src/post-json.ts: request.on('response', (message) => {":
    'resolves a promise',
  'packages/discovery/src/register-views.ts: snapshot.expiryTimer = setTimeout(() => {':
    'a timer of the directory of the process',
  'packages/discovery/src/initial-sync.ts: this.#timer ??= setTimeout(() => {':
    'a timer of the start of the process',
  'packages/gateway/src/gateway-runtime.ts: void presence.announce(this.#innerPort).then(announced, announced);':
    'tells the predecessor, whatever became of it',
  'packages/gateway-client/src/lane-links.ts: setImmediate(() => this.#runReady());':
    'a turn of the process: each link in it is guarded',
  'packages/gateway-client/src/adopted-lanes.ts: const timer = setTimeout(() => this.#forgetIncoming(source), TRANSFER_TIMEOUT_MS).unref();':
    'deletes from a map',
  'packages/gateway-client/src/lane-handover.ts: this.#answerTimer = setTimeout(() => this.#finish(), ANSWER_TIMEOUT_MS);':
    'resolves a promise',
  'packages/gateway-client/src/lane-handover.ts: this.#timer = setTimeout(() => this.#finish(), HANDOVER_TIMEOUT_MS);':
    'resolves a promise',
  'packages/gateway-client/src/gateway-pool.ts: const timer = setTimeout(() => {':
    'resolves promises',
  'packages/gateway-client/src/gateway-pool.ts: void gateway.link.close();':
    'a promise that never rejects',
  'packages/business-worker/src/attached-clients.ts: if (next < contexts.length) setImmediate(closeNext, next);':
    '`closeNext` is made by the guard below',
  'packages/business-worker/src/event-runner.ts: if (isThenable(promise)) Promise.resolve(promise).then(undefined, logFailure);':
    'logs',
  'packages/business-worker/src/event-runner.ts: Promise.resolve(promise).then(':
    'counts, and calls what the guard has made',
  'packages/business-worker/src/event-runner.ts: ? Promise.resolve<unknown>(result).then(answer, fail)':
    'part of a promise whose rejection is reported',
  'packages/business-worker/src/event-runner.ts: .then(undefined, reportFirst)':
    'part of a promise whose rejection is reported',
  'packages/business-worker/src/event-runner.ts: .then(() => onWebSocketConnect(clientId, request, context));':
    'part of a promise whose rejection is reported',
  'packages/supervisor/src/processes/child-handle.ts: for (const child of duplicates) void child.stop(gracefulStop(this.#options.stopTimeoutMs));':
    'a promise that never rejects',
  'packages/supervisor/src/processes/child-handle.ts: const timer = setTimeout(async () => {':
    'reads a stack, which never rejects, and kills the child',
  'packages/supervisor/src/processes/child-handle.ts: const timer = setTimeout(() => this.startInBackground(), this.#options.readyTimeoutMs);':
    'resolves a promise',
  "packages/supervisor/src/processes/child-handle.ts: child.attach().catch((error: unknown) => this.#logger.error(error, 'cannot attach'));":
    'logs',
  'packages/supervisor/src/processes/child-handle.ts: setTimeout(() => {':
    'asks one child to stop, by a promise that never rejects',
  'packages/supervisor/src/processes/child-handle.ts: void child.stop(gracefulStop(this.#options.stopTimeoutMs));':
    'a promise that never rejects',
  'packages/supervisor/src/processes/child-handle.ts: this.#restartTimer = setTimeout(() => this.#launch(), delayMs);':
    '`#launch` catches what the start of a process throws',
  "packages/supervisor/src/child/child-process.ts: process.on('uncaughtException', (error) => void this.#fail(error));":
    'a listener of the process itself, which concerns no connection',
  "packages/supervisor/src/child/child-process.ts: process.on('unhandledRejection', (reason) => {":
    'a listener of the process itself, which concerns no connection',
  'packages/supervisor/src/child/child-process.ts: void this.#fail(reason);':
    'the end of the process itself',
  "packages/supervisor/src/child/child-process.ts: process.on('SIGTERM', () => {":
    'a listener of the process itself, which concerns no connection',
  "packages/supervisor/src/child/child-process.ts: else void this.#sendEvent({ event: 'terminated' });":
    'a promise that never rejects',
  "packages/supervisor/src/child/child-process.ts: process.on('disconnect', () => {":
    'a listener of the process itself, which concerns no connection',
  "packages/supervisor/src/child/child-process.ts: process.on('exit', () => {":
    'a listener of the process itself, which concerns no connection',
  'packages/supervisor/src/child/child-process.ts: await setImmediate();':
    'a turn of a start, which is awaited',
  'packages/supervisor/src/child/child-process.ts: void this.#stop(order);':
    'the end of the process itself',
  'packages/supervisor/src/child/child-process.ts: void sibling.listening.then((isListening) => sendPart({ isListening }));':
    'writes to a control connection, which never rejects',
  'packages/supervisor/src/child/child-process.ts: if (sibling.channel !== undefined) void this.#handOver(sibling.channel);':
    'catches',
  'packages/supervisor/src/child/child-process.ts: setTimeout(() => void this.#stop(stop), STOP_ORDER_TIMEOUT_MS);':
    'the end of the process itself',
  'packages/supervisor/src/child/child-process.ts: void this.#stop({ isGraceful: true, timeoutMs: stopTimeoutMs, drainMs: 0 });':
    'the end of the process itself',
  'packages/supervisor/src/child/child-process.ts: setTimeout(() => process.exit(1), timeoutMs + drainMs + EXIT_MARGIN_MS);':
    'the end of the process itself',
  'packages/supervisor/src/child/child-process.ts: setTimeout(() => process.exit(1), FAILURE_REPORT_MS);':
    'the end of the process itself',
  'packages/supervisor/src/processes/child-stop.ts: const timer = setTimeout(() => void this.#killLate(timeMs), timeMs + KILL_MARGIN_MS);':
    'asks one child, kills it, and never rejects',
  'packages/supervisor/src/report/cluster-health.ts: this.#checking ??= this.#options.checkAll().finally(() => {':
    'part of a promise that is awaited',
  "packages/supervisor/src/control/control-client.ts: socket.once('error', onError);":
    'settles the promise of a connection',
  "packages/supervisor/src/control/control-client.ts: socket.once('connect', () => {":
    'settles the promise of a connection',
  'packages/supervisor/src/control/control-client.ts: await received.finally(() => this.#socket.resume());':
    'part of a promise that is awaited',
  'packages/supervisor/src/control/control-client.ts: this.#pending.set(request, { resolve, reject, onPart: (part) => void receivePart(part) });':
    'catches, and rejects the request',
  "packages/supervisor/src/master/file-watcher.ts: watcher.on('error', () => this.#forgetFolder(folder));":
    'forgets a folder',
  'packages/supervisor/src/master/file-watcher.ts: this.#timer ??= setTimeout(() => void this.#report(), COALESCE_MS);':
    'a timer of the process, which concerns no connection',
  "packages/supervisor/src/processes/listening-sockets.ts: process.on('message', receive);":
    'settles the promise of a start',
  "packages/supervisor/src/processes/listening-sockets.ts: process.once('disconnect', handleDisconnect);":
    'settles the promise of a start',
  "packages/supervisor/src/master/master-commands.ts: void this.#master.stop('the stop command', order.isGraceful);":
    'the end of the process itself',
  "packages/supervisor/src/master/master-commands.ts: await this.#master.reload('the reload command', (step) => void sendPart(step), kind);":
    'writes to a control connection, which never rejects',
  'packages/supervisor/src/master/master.ts: this.#reloading = this.#replaceAll(reason, onStep, kind).finally(() => {':
    'part of a promise that is awaited',
  'packages/supervisor/src/master/master.ts: setTimeout(() => {': 'the end of the process itself',
  'packages/supervisor/src/master/master.ts: void this.#control.close();':
    'a promise that never rejects',
  'packages/supervisor/src/master/master.ts: void this.stop(signal, isGraceful);':
    'the end of the process itself',
  "packages/supervisor/src/master/master.ts: onReload: () => void this.#reloadNext('SIGUSR1'),":
    'logs what fails',
  "packages/supervisor/src/master/master.ts: if (isTerminalGone()) void this.stop('the terminal is gone');":
    'the end of the process itself',
  "packages/supervisor/src/master/master.ts: process.on('uncaughtException', (error) => {":
    'the end of the process itself',
  "packages/supervisor/src/master/master.ts: void this.stop('an error');":
    'the end of the process itself',
  'packages/supervisor/src/master/master.ts: await this.reload(reason).catch((error: unknown) => {':
    'part of a promise that is awaited',
  'packages/supervisor/src/report/process-sampler.ts: this.#timer = setInterval(() => this.#tick(), 1_000).unref();':
    'a timer of the process, which concerns no connection',
  'packages/supervisor/src/processes/process-source.ts: connected: launched.listening.then((isListening) =>':
    'part of a promise of one child, which `RunningChild` follows',
  'packages/supervisor/src/processes/process-source.ts: const exited = client.closed.then(() => {':
    'part of a promise of one child, which `RunningChild` follows',
  'packages/supervisor/src/processes/process-source.ts: connected: chosen.then(({ connected }) => connected),':
    'part of a promise of one child, which `RunningChild` follows',
  'packages/supervisor/src/processes/process-source.ts: exited: chosen.then(({ exited }) => exited),':
    'part of a promise of one child, which `RunningChild` follows',
  'packages/supervisor/src/processes/process-source.ts: ended.catch(() => {':
    'part of a promise of one child, which `RunningChild` follows',
  'packages/supervisor/src/processes/process-source.ts: listening.then(() => {':
    'part of a promise of one child, which `RunningChild` follows',
  'packages/supervisor/src/processes/process-source.ts: const exited = ended.then(':
    'part of a promise of one child, which `RunningChild` follows',
  'packages/supervisor/src/processes/process-source.ts: void exited.then(() => {':
    'part of a promise of one child, which `RunningChild` follows',
  'packages/supervisor/src/control/run-file-restorer.ts: this.#timer = setInterval(() => {':
    'a timer of the process, which concerns no connection',
  'packages/supervisor/src/control/run-file-restorer.ts: void this.#restore(file);': 'catches',
  'packages/supervisor/src/processes/running-child.ts: source.connected.then(':
    'notes a connection, or kills the child',
  'packages/supervisor/src/processes/running-child.ts: .finally(() => {':
    'part of a promise that is awaited',
  'packages/supervisor/src/processes/running-child.ts: void this.#request(order, Number.POSITIVE_INFINITY).catch(() => {});':
    'ignores a rejection',
  "packages/supervisor/src/master/signals.ts: process.on('SIGINT', listener);":
    'signals of the process itself',
  "packages/supervisor/src/master/signals.ts: process.on('SIGTERM', listener);":
    'signals of the process itself',
  "packages/supervisor/src/master/signals.ts: process.on('SIGQUIT', listener);":
    'signals of the process itself',
  "packages/supervisor/src/master/signals.ts: if (process.listenerCount('SIGUSR2') === 0) process.on('SIGUSR2', listener);":
    'signals of the process itself',
  "packages/supervisor/src/master/signals.ts: process.on('SIGUSR1', () => handlers.onReload());":
    'signals of the process itself',
  "packages/supervisor/src/master/signals.ts: process.on('SIGHUP', () => handlers.onHangup());":
    'signals of the process itself',
  "packages/supervisor/src/processes/succession-channels.ts: process.on('message', (value: unknown, handle: unknown) => {":
    'the channel of the predecessor, which keeps serving if this process ends',
  'packages/supervisor/src/master/supervisor.ts: const attaching = child.identify().then(async (identity) => {':
    'part of a promise of which a rejection is logged',
  "packages/supervisor/src/master/supervisor.ts: attaching.catch((error: unknown) => this.#options.logger.error(error, 'cannot attach'));":
    'logs',
  'packages/supervisor/src/master/supervisor.ts: onEnd: () => void this.#undeclared.delete(child),':
    'removes an entry from a set',
  'packages/supervisor/src/control/control-server.ts: () => void send({ request, isPending: true }),':
    'within a guarded timer; the promise never rejects',
  'packages/supervisor/src/control/control-server.ts: .then(':
    'part of a promise that the guard follows',
  "packages/supervisor/src/report/health-server.ts: this.#server.on('error', (err) => this.#log.warn({ err }, 'could not take a probe'));":
    'the listening socket of the process',
};

/** A registration in a source file. */
interface Registration {
  readonly path: string;
  /** Its first line, without indentation. */
  readonly line: string;
  /** What stands between its parentheses. */
  readonly argumentText: string;
}

/** The text from an opening parenthesis to the closing one, both left out. */
function insideParentheses(text: string, open: number): string {
  let depth = 0;
  for (let index = open; index < text.length; index += 1) {
    const character = text[index];
    if (character === "'" || character === '`') {
      index = text.indexOf(character, index + 1);
      if (index < 0) break;
    } else if (character === '(') {
      depth += 1;
    } else if (character === ')') {
      depth -= 1;
      if (depth === 0) return text.slice(open + 1, index);
    }
  }
  throw new Error(`no closing parenthesis after ${text.slice(open, open + 60)}`);
}

function findRegistrations(path: string, source: string): Registration[] {
  const text = withoutComments(source);
  return [...text.matchAll(registration)].map(({ index }) => {
    const start = text.lastIndexOf('\n', index) + 1;
    const line = text.slice(start, text.indexOf('\n', index)).trim();
    return { path, line, argumentText: insideParentheses(text, text.indexOf('(', index)) };
  });
}

/** Splits arguments at the commas outside of brackets. */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? '';
    if ('([{'.includes(character)) depth += 1;
    else if (')]}'.includes(character)) depth -= 1;
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

const guardCall = /(?:^|[\s.(#])guard\.(?:wrap|follow)\(/;

/** True when the name is bound to a function that a guard has made, in the same source. */
function isMadeByGuard(name: string, source: string): boolean {
  const escaped = name.replace(/[.#$]/g, '\\$&');
  return new RegExp(`(?<![\\w.])${escaped}(?:: [^=]+)? =\\s+(?:\\w+\\.)*#?guard\\.wrap\\(`).test(
    source,
  );
}

function isGuarded({ argumentText }: Registration, source: string): boolean {
  const given = splitArguments(argumentText);
  if (given.some((part) => guardCall.test(part))) return true;
  const names = given.filter((part) => /^(?:this\.)?[#\w.]+$/.test(part));
  if (names.some((name) => isMadeByGuard(name, source))) return true;
  return given.some((part) => harmless.test(part));
}

const unguarded = guarded.flatMap((path) => {
  const source = readText(path);
  return findRegistrations(path, source).filter((found) => !isGuarded(found, source));
});

test('listeners, timers and callbacks of connections go through a guard', () => {
  const found = unguarded.map(({ path, line }) => `${path}: ${line}`);
  expect(found.filter((entry) => exempt[entry] === undefined)).toEqual([]);
});

test('no exemption from the guard is out of date', () => {
  const found = new Set(unguarded.map(({ path, line }) => `${path}: ${line}`));
  expect(Object.keys(exempt).filter((entry) => !found.has(entry))).toEqual([]);
});

test.each([
  "socket.on('data', (chunk) => this.#handle(chunk));",
  "socket.once('close', this.#handleClose);",
  'setTimeout(() => this.#expire(), 1000).unref();',
  'setImmediate(this.#run);',
  'process.nextTick(() => this.#run());',
  'queueMicrotask(() => run());',
  'void this.#ask(worker).then(decide);',
  'void this.#answer(request);',
  'const server = createServer((socket) => this.#accept(socket));',
  'socket.setTimeout(100, () => this.#end());',
  'socket.write(bytes, () => this.#drain());',
])('unguarded code is found: %s', (source) => {
  const found = findRegistrations('x.ts', `${source}\n`);
  expect(found.some((registered) => !isGuarded(registered, source))).toBe(true);
});

test.each([
  "socket.on('data', guard.wrap('data', (chunk) => this.#handle(chunk), fail));",
  "const read = this.#guard.wrap('data', handle, fail);\nsocket.on('data', read);",
  'socket.once("close", () => clearTimeout(timer));',
  'setTimeout(() => socket.destroy(), 1000);',
])('guarded code is not found: %s', (source) => {
  const found = findRegistrations('x.ts', `${source}\n`);
  expect(found.filter((registered) => !isGuarded(registered, source))).toEqual([]);
});

/** Names of the points at which guards are used, with their source. */
const points = guarded.flatMap((path) =>
  [...readText(path).matchAll(/guard\.(?:wrap|follow)\(\s*'([^']+)'/g)].map(
    (match) => match[1] ?? '',
  ),
);

test('each guarded point has a name of its own', () => {
  const twice = points.filter((point, index) => points.indexOf(point) !== index);
  expect(twice).toEqual([]);
  const calls = guarded.flatMap((path) => [
    ...readText(path).matchAll(/\bguard\.(?:wrap|follow)\(/g),
  ]);
  expect(points).toHaveLength(calls.length);
});

test('at each guarded point a test throws', () => {
  const tests = listFiles(/\.test\.ts$/)
    .map((path) => readText(path))
    .filter((text) => /\bFaultyGuard\b/.test(text) && /@gatewayworker\/testing/.test(text))
    .join('\n');
  expect(points.filter((point) => !tests.includes(`'${point}'`))).toEqual([]);
});
