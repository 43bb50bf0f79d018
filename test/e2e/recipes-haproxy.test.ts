import { eventually, skipReason } from '@gatewayworker/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { gatewayOf, RecipeHosts, theOther } from './recipe-hosts.ts';
import { atEndOfFile } from './shared.ts';

const reason = skipReason('netns') || skipReason('haproxy');

describe.skipIf(reason !== '')(`HAProxy before two gateways${reason}`, () => {
  const atEnd = atEndOfFile();
  let hosts: RecipeHosts;
  let certificate: string;

  beforeAll(async () => {
    hosts = await RecipeHosts.start({ GW_PROXY_PROTOCOL: 'true' }, atEnd);
    const { cert, folder } = await hosts.writeCertificate();
    certificate = cert;
    const config = await hosts.writeRecipe('haproxy/haproxy.cfg', {
      '/etc/ssl/gatewayworker': folder,
    });
    const proxy = hosts.host('proxy');
    hosts.startProgram(proxy, 'haproxy', ['haproxy', '-db', '-f', config]);
    await eventually(() => {
      if (proxy.run('ss', '-Hltn').includes(':443 ')) return true;
      throw new Error(`HAProxy does not listen: ${hosts.output('haproxy')}`);
    });
  });

  test('spreads clients with and without TLS, sends their addresses', async () => {
    const one = await hosts.open({ headers: { 'x-forwarded-for': '203.0.113.66' } });
    const other = await hosts.open({ tls: certificate });
    const address = hosts.host('person').ipv4;
    expect([one, other].map(({ welcome }) => welcome.remoteAddress)).toEqual([address, address]);
    expect(gatewayOf(one)).not.toBe(gatewayOf(other));
    other.client.send('hello');
    const said = { type: 'said', clientId: other.welcome.clientId, text: 'hello' };
    expect(await one.client.nextJson()).toEqual(said);
  });

  test('closes connections to a gateway that does not answer, its clients move', async () => {
    const [one, other] = await hosts.openBoth({}, {});
    hosts.host('gateway1').pullCable();
    // The proxy's own health checks notice it.
    const staying = await theOther(one, other);
    expect(gatewayOf(await hosts.open())).toBe(gatewayOf(staying));
    hosts.host('gateway1').plugCable();
    await eventually(async () => gatewayOf(await hosts.open()) !== gatewayOf(staying), {
      timeoutMs: 120_000,
    });
    expect(staying.client.isOpen).toBe(true);
  });

  test('avoids a killed gateway', async () => {
    const [one, other] = await hosts.openBoth({}, { tls: certificate });
    await hosts.host('gateway1').killAll();
    const staying = await theOther(one, other);
    for (const tls of [{}, { tls: certificate }, {}]) {
      expect(gatewayOf(await hosts.open(tls))).toBe(gatewayOf(staying));
    }
    expect(staying.client.isOpen).toBe(true);
  });
});
