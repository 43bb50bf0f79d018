import { eventually, skipReason } from '@gatewayworker/testing';
import { describe, expect, test } from 'vitest';
import { gatewayOf, RecipeHosts, theOther } from './recipe-hosts.ts';

/** Time to start the four start files. */
const TIMEOUT_MS = 150_000;

const reason = skipReason('netns') || skipReason('haproxy');

/** Starts a cluster, and HAProxy before it. */
async function startBehind(): Promise<{ hosts: RecipeHosts; certificate: string }> {
  const hosts = await RecipeHosts.start({ GW_PROXY_PROTOCOL: 'true' });
  const { cert, folder } = await hosts.writeCertificate();
  const config = await hosts.writeRecipe('haproxy/haproxy.cfg', {
    '/etc/ssl/gatewayworker': folder,
  });
  const proxy = hosts.host('proxy');
  hosts.startProgram(proxy, 'haproxy', ['haproxy', '-db', '-f', config]);
  await eventually(() => {
    if (proxy.run('ss', '-Hltn').includes(':443 ')) return true;
    throw new Error(`HAProxy does not listen: ${hosts.output('haproxy')}`);
  });
  return { hosts, certificate: cert };
}

describe.skipIf(reason !== '')(`HAProxy before two gateways${reason}`, () => {
  test(
    'spreads clients with and without TLS, avoids a killed gateway',
    async () => {
      const { hosts, certificate } = await startBehind();
      const one = await hosts.open({ headers: { 'x-forwarded-for': '203.0.113.66' } });
      const other = await hosts.open({ tls: certificate });
      const address = hosts.host('person').ipv4;
      expect([one, other].map(({ welcome }) => welcome.remoteAddress)).toEqual([address, address]);
      expect(gatewayOf(one)).not.toBe(gatewayOf(other));
      other.client.send('hello');
      const said = { type: 'said', clientId: other.welcome.clientId, text: 'hello' };
      expect(await one.client.nextJson()).toEqual(said);

      hosts.host('gateway1').killAll();
      const staying = await theOther(one, other);
      for (const tls of [{}, { tls: certificate }, {}]) {
        expect(gatewayOf(await hosts.open(tls))).toBe(gatewayOf(staying));
      }
      expect(staying.client.isOpen).toBe(true);
    },
    TIMEOUT_MS,
  );

  test(
    'closes connections to a gateway that does not answer, its clients move',
    async () => {
      const { hosts } = await startBehind();
      const [one, other] = [await hosts.open(), await hosts.open()];
      hosts.host('gateway1').pullCable();
      // The proxy's own health checks notice it.
      const staying = await theOther(one, other);
      expect(gatewayOf(await hosts.open())).toBe(gatewayOf(staying));
      hosts.host('gateway1').plugCable();
      await eventually(async () => gatewayOf(await hosts.open()) !== gatewayOf(staying), {
        timeoutMs: 120_000,
      });
      expect(staying.client.isOpen).toBe(true);
    },
    TIMEOUT_MS,
  );
});
