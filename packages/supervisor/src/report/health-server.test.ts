import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createLogger } from '@gatewayworker/core';
import { eventually, FaultyGuard, freePorts } from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';
import { type HealthReport, type ProcessHealth, reportHealth } from './health-report.ts';
import { HealthServer } from './health-server.ts';

const healthy = { pid: 4711, id: 0, live: true, ready: true, reasons: [], warnings: [] };
const worker: ProcessHealth = {
  ...healthy,
  role: 'business-worker',
  name: 'chat worker',
  ready: false,
  reasons: ['it is starting'],
};
const gateway: ProcessHealth = { ...healthy, role: 'gateway', name: 'front' };

/** Starts a server with this report; resolves with its port. */
async function serve(
  report: () => Promise<HealthReport> = async () => reportHealth([gateway, worker]),
  guard?: FaultyGuard,
): Promise<number> {
  const [port = 0] = await freePorts(1);
  const logger = createLogger({ stdout: false });
  const context = { report, logger, ...(guard && { guard }) };
  const server = new HealthServer({ host: '127.0.0.1', port }, context);
  await server.listen();
  onTestFinished(() => server.close());
  return port;
}

/** Sends bytes and resolves with everything received until the server closes. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return await text(socket);
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  return socket;
}

test.each([
  ['/live', 200, { live: true, ready: false }],
  ['/ready', 503, { live: true, ready: false }],
  ['/ready?verbose', 503, { ready: false }],
  ['/ready/gateway', 200, { ready: true }],
  ['/ready/front', 200, { ready: true }],
  ['/ready/business-worker', 503, { ready: false }],
  ['/ready/chat%20worker', 503, { ready: false }],
  ['/live/chat%20worker?x', 200, { live: true }],
])('health server: GET %s returns %d with the reasons', async (path, status, body) => {
  const response = await fetch(`http://127.0.0.1:${await serve()}${path}`);
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(await response.json()).toMatchObject(body);
});

test('health server: lists each process with its reasons, without pids', async () => {
  const response = await fetch(`http://127.0.0.1:${await serve()}/ready`);
  expect(await response.json()).toEqual({
    live: true,
    ready: false,
    processes: [
      { role: 'gateway', name: 'front', id: 0, live: true, ready: true, reasons: [], warnings: [] },
      {
        role: 'business-worker',
        name: 'chat worker',
        id: 0,
        live: true,
        ready: false,
        reasons: ['it is starting'],
        warnings: [],
      },
    ],
  });
});

test.each([
  '/',
  '/health',
  '/live/',
  '/readyz',
  '/ready/gateway/0',
  '/ready/%zz',
  '/ready/unknown',
  '//ready',
])('health server: GET %s returns 404', async (path) => {
  const answer = await exchange(await serve(), `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1.1 404 /);
  expect(answer).toMatch(/\{"error":".+"\}\n$/);
});

test('health server: only GET and HEAD are allowed, HEAD has no body', async () => {
  const url = `http://127.0.0.1:${await serve()}`;
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const response = await fetch(`${url}/live`, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  }
  expect((await fetch(`${url}/elsewhere`, { method: 'POST' })).status).toBe(404);
  const head = await fetch(`${url}/ready`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([503, '']);
});

test('health server: rejects non-HTTP bytes and long headers with 400 and 431', async () => {
  const port = await serve();
  expect(await exchange(port, 'hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  const long = `GET /live HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`;
  expect(await exchange(port, long)).toMatch(/^HTTP\/1.1 431 /);
  expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
});

test('health server: a failed report is a 500, the next request succeeds', async () => {
  let isBroken = true;
  const port = await serve(async () => {
    if (isBroken) throw new Error('broken');
    return reportHealth([gateway]);
  });
  expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(500);
  isBroken = false;
  expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
});

test('health server: unfinished requests are dropped and block no probe', async () => {
  const port = await serve();
  const slow = Array.from({ length: 300 }, () => open(port));
  for (const socket of slow) socket.write('GET /ready HTTP/1.1\r\nX-Slow: ');
  await Promise.all(slow.map((socket) => socket.readyState === 'open' || once(socket, 'connect')));
  expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
  const isGone = (socket: Socket): boolean => socket.destroyed;
  await eventually(() => slow.filter(isGone).length >= 300 - 128);
  expect(slow.slice(0, 100).every(isGone)).toBe(true);
  const drips = setInterval(() => {
    for (const socket of slow) if (!isGone(socket)) socket.write('y');
  }, 100);
  onTestFinished(() => clearInterval(drips));
  expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
  await eventually(() => slow.every(isGone), { timeoutMs: 15_000 });
}, 30_000);

test('health server: a port in use is an error with its address', async () => {
  const port = await serve();
  const logger = createLogger({ stdout: false });
  const report = async () => reportHealth([]);
  const second = new HealthServer({ host: '127.0.0.1', port }, { report, logger });
  await expect(second.listen()).rejects.toMatchObject({
    code: 'GW_ERR_LISTEN_FAILED',
    message: `run.health cannot listen on 127.0.0.1:${port}: the port is in use by another process`,
  });
  second.close();
});

test.each(['probe connection', 'probe', 'probe answer'])(
  'health server: an exception at %s closes only its connection',
  async (point) => {
    const guard = new FaultyGuard(createLogger({ stdout: false }));
    const port = await serve(undefined, guard);
    guard.arm(point);
    const request = 'GET /live HTTP/1.1\r\nHost: x\r\n\r\n';
    await exchange(port, request).catch(() => undefined);
    await eventually(() => guard.thrown === 1);
    expect(await exchange(port, request)).toMatch(/^HTTP\/1\.1 200 /);
  },
);
