import { once } from 'node:events';
import { eventually, skipReason } from '@gatewayworker/testing';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { gatewayOf, RecipeHosts, theOther } from './recipe-hosts.ts';
import { atEndOfFile } from './shared.ts';

const reason = skipReason('netns') || skipReason('nginx');

describe.skipIf(reason !== '')(`nginx before two gateways${reason}`, () => {
  const atEnd = atEndOfFile();
  let hosts: RecipeHosts;
  let certificate: { readonly cert: string; readonly folder: string };
  let isGatewayKilled = false;

  beforeAll(async () => {
    hosts = await RecipeHosts.start({}, atEnd);
    certificate = await hosts.writeCertificate();
  });

  /** Starts nginx before the gateways with a file that goes into its `conf.d`. */
  async function startNginx(path: string): Promise<void> {
    if (isGatewayKilled) await hosts.restartGateway('gateway1');
    isGatewayKilled = false;
    const isTls = path.endsWith('tls.conf');
    const replacements = isTls ? { '/etc/ssl/gatewayworker': certificate.folder } : {};
    const site = await hosts.writeRecipe(path, replacements);
    // Several processes, as in production: they share their counters.
    const main = `daemon off;
worker_processes 4;
pid ${site}.pid;
error_log stderr notice;
events {}
http {
  access_log off;
  include ${site};
}
`;
    const proxy = hosts.host('proxy');
    const command = ['nginx', '-c', await hosts.write('nginx.conf', main)];
    const nginx = hosts.startProgram(proxy, 'nginx', command);
    onTestFinished(async () => {
      const ended = once(nginx, 'exit');
      if (nginx.exitCode === null && nginx.kill()) await ended;
    });
    await eventually(() => {
      if (proxy.run('ss', '-Hltn').includes(':80 ')) return true;
      throw new Error(`nginx does not listen: ${hosts.output('nginx')}`);
    });
  }

  test.each(['nginx/plain.conf', 'nginx/tls.conf'])(
    '%s: spreads clients, sets their addresses, avoids a killed gateway',
    async (path) => {
      await startNginx(path);
      const tls = path.endsWith('tls.conf') ? { tls: certificate.cert } : {};
      const one = await hosts.open(tls);
      const other = await hosts.open({ ...tls, headers: { 'x-forwarded-for': '203.0.113.66' } });
      const address = hosts.host('person').ipv4;
      expect([one, other].map(({ welcome }) => welcome.remoteAddress)).toEqual([address, address]);
      expect(gatewayOf(one)).not.toBe(gatewayOf(other));
      one.client.send('hello');
      const said = { type: 'said', clientId: one.welcome.clientId, text: 'hello' };
      expect(await other.client.nextJson()).toEqual(said);

      await hosts.host('gateway1').killAll();
      isGatewayKilled = true;
      const staying = await theOther(one, other);
      for (let times = 0; times < 3; times += 1) {
        expect(gatewayOf(await hosts.open(tls))).toBe(gatewayOf(staying));
      }
      expect(staying.client.isOpen).toBe(true);
    },
  );

  test('avoids a gateway that does not answer, and one that drains', async () => {
    await startNginx('nginx/plain.conf');
    const [one, other] = [await hosts.open(), await hosts.open()];
    hosts.host('gateway1').pullCable();
    const during = [await hosts.open(), await hosts.open(), await hosts.open()];
    expect(new Set(during.map(gatewayOf)).size).toBe(1);
    hosts.host('gateway1').plugCable();
    const back = await eventually(
      async () => {
        const next = await hosts.open();
        return gatewayOf(next) !== gatewayOf(during[0] ?? next) && next;
      },
      { timeoutMs: 120_000 },
    );
    expect([one, other].map(({ client }) => client.isOpen)).toEqual([true, true]);

    await hosts.command(hosts.host('gateway1'), 'gateway', 'drain', '--over', '1');
    expect(await back.client.ended).toEqual({ code: 1012, reason: 'retry in 1-5 s' });
    expect(gatewayOf(await hosts.open())).toBe(gatewayOf(await theOther(one, other)));
  });
});
