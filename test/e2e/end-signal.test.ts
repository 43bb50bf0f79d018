import { eventually } from '@gatewayworker/testing';
import { expect, test } from 'vitest';
import { eventsOf, startVersioned } from './versioned-cluster.ts';

/** Callbacks that wait for a minute, or until their process is to end. */
const waiting = `
import { setTimeout as sleep } from 'node:timers/promises';

let signal;

export class Events {
  onWorkerStart(worker) {
    signal = worker.signal;
  }

  async onMessage(_clientId, _message, ctx) {
    process.stdout.write('waiting: events\\n');
    const end = await sleep(60_000, 'slept', { signal }).catch(() => 'ended');
    process.stdout.write(end + ': events\\n');
    ctx.send(end);
  }

  onWorkerStop() {
    process.stdout.write('stopped: events\\n');
  }
}
`;

const web = `
new Worker({
  name: 'web',
  onWorkerStart: ({ signal }) => {
    signal.addEventListener('abort', () => process.stdout.write('ended: web\\n'));
  },
  onWorkerStop: () => void process.stdout.write('stopped: web\\n'),
});
`;

test.each(['reload', 'stop', 'stop -g'])(
  'processes learn of their end before it comes: %s',
  async (line) => {
    const { cluster, command, open, write } = await startVersioned({
      more: web,
      run: '{ stopTimeoutMs: 2000 }',
      workers: 1,
    });
    await write(waiting);
    await command('reload');
    const client = await open();
    client.send('x');
    await eventually(() => cluster.output().includes('waiting: events'));
    const before = cluster.output().length;
    await write(eventsOf('v2'));
    expect(await command(...line.split(' '))).toMatchObject({ exitCode: 0 });
    const said = await eventually(() => {
      const lines =
        cluster
          .output()
          .slice(before)
          .match(/^(?:ended|slept|stopped): \w+$/gm) ?? [];
      return lines.length === 4 && lines;
    });
    expect(said.filter((line) => line.endsWith('events'))).toEqual([
      'ended: events',
      'stopped: events',
    ]);
    expect(said.filter((line) => line.endsWith('web'))).toEqual(['ended: web', 'stopped: web']);
    if (line === 'reload') expect(await client.next()).toBe('ended');
  },
);
