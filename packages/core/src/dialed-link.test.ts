import { AcceptorRole, DialerRole } from '@gatewayworker/protocol';
import { captureLogger, eventually, FaultProxy } from '@gatewayworker/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DialedLink } from './dialed-link.ts';
import { FlushScheduler } from './flush-scheduler.ts';
import { FrameServer } from './frame-server.ts';

/** Starts a link to a listener with resumable links, through a proxy. */
async function startLink() {
  const scheduler = new FlushScheduler();
  const server = new FrameServer({
    identity: {
      role: AcceptorRole.Gateway,
      instanceId: 'gateway-1',
      name: 'gateway',
      id: 0,
      gatewayToken: 1,
    },
    secretKey: 'k',
    allowedRoles: [DialerRole.Worker],
    areLinksResumable: true,
    scheduler,
    logger: captureLogger().logger,
    onLink: () => undefined,
  });
  const port = await server.listen({ host: '127.0.0.1', port: 0 }, 'the test');
  onTestFinished(() => server.close());
  const proxy = await FaultProxy.start(port);
  onTestFinished(() => proxy.stop());
  const { logger, lines } = captureLogger();
  const calls: string[] = [];
  const link = new DialedLink({
    address: { host: '127.0.0.1', port: proxy.port },
    identity: { role: DialerRole.Worker, instanceId: 'worker-1', name: 'worker', id: 0 },
    secretKey: 'k',
    scheduler,
    logger,
    onUp: () => void calls.push('up'),
    onDown: () => void calls.push('down'),
  });
  onTestFinished(() => link.close());
  await eventually(() => calls.length === 1);
  const messages = (): unknown[] => lines.map(({ level, msg }) => `${level} ${msg}`);
  return { proxy, lines, messages, calls };
}

const info = 30;
const warn = 40;
const resumed = 'inner link resumed';
const lost = 'inner link lost, reconnecting';

test('dialed link: a short interruption is logged at info', async () => {
  const { proxy, lines, messages, calls } = await startLink();
  proxy.cut();
  await eventually(() => messages().length === 2);
  expect(messages()).toEqual([`${info} ${lost}`, `${info} ${resumed}`]);
  expect(lines[1]).toMatchObject({
    reason: lines[0]?.['reason'],
    interruptedMs: expect.any(Number),
  });
  expect(calls).toEqual(['up']);
});

test('dialed link: an interruption of more than a second is logged at warn', async () => {
  const { proxy, lines, messages } = await startLink();
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  proxy.refuse(true);
  proxy.cut();
  await eventually(() => messages().length === 1);
  vi.advanceTimersByTime(1001);
  proxy.refuse(false);
  await eventually(() => messages().length === 2);
  expect(messages()).toEqual([`${info} ${lost}`, `${warn} ${resumed}`]);
  expect(lines[1]).toMatchObject({ interruptedMs: 1001 });
});

test('dialed link: a link that does not resume is logged at warn, once', async () => {
  const { proxy, messages, calls } = await startLink();
  proxy.refuse(true);
  proxy.cut();
  await eventually(() => calls.includes('down'));
  expect(messages()).toEqual([`${info} ${lost}`, `${warn} inner link lost`]);
});
