import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  eventually,
  isAlive,
  Network,
  type NetworkHost,
  skipReason,
  TcpPeer,
} from '@gatewayworker/testing';
import { describe, expect, onTestFinished, test } from 'vitest';

const reason = skipReason('netns');

const echoSource = `require('node:net').createServer((socket) => {
  socket.on('error', () => undefined).pipe(socket);
}).listen(7000, '::', () => console.log('listening'));`;

async function startHosts(): Promise<{ network: Network; alpha: NetworkHost; beta: NetworkHost }> {
  const network = await Network.start(['alpha', 'beta']);
  onTestFinished(() => network.dispose());
  return { network, alpha: network.host('alpha'), beta: network.host('beta') };
}

/** Starts an echo server on a host; resolves with its pid. */
async function startEcho(host: NetworkHost): Promise<number> {
  const child = host.spawn(process.execPath, ['-e', echoSource], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout !== null) await once(child.stdout, 'data');
  return child.pid ?? Number.NaN;
}

describe.skipIf(reason !== '')(`hosts in network namespaces${reason}`, () => {
  test('reach each other by IPv4, IPv6 and name', async () => {
    const { alpha, beta } = await startHosts();
    await startEcho(beta);
    for (const address of [beta.ipv4, beta.ipv6, 'beta', 'beta-6']) {
      const peer = new TcpPeer(alpha.connect(7000, address));
      peer.send(address);
      await eventually(() => peer.received.toString() === address);
      peer.destroy();
    }
  });

  test('send nothing once their cable is pulled, even when a process ends', async () => {
    const { alpha, beta } = await startHosts();
    const pid = await startEcho(beta);
    const peer = new TcpPeer(alpha.connect(7000, 'beta'));
    onTestFinished(() => peer.destroy());
    peer.send('before');
    await eventually(() => peer.received.toString() === 'before');
    const established = (): string =>
      alpha.run('ss', '-Htn', 'state', 'established', 'dst', `${beta.ipv4}`);
    beta.pullCable();
    process.kill(pid, 'SIGKILL');
    await eventually(() => !isAlive(pid));
    // The FIN of the process cannot leave the host.
    expect(beta.run('ip', '-br', 'link', 'show', 'eth0')).toMatch(/LOWERLAYERDOWN|DOWN/);
    expect(established()).toContain(':7000');
    peer.send('behind');
    beta.plugCable();
    await peer.ended;
    expect(peer.received.toString()).toBe('before');
  });

  test('leave nothing behind', async () => {
    const { network, alpha, beta } = await startHosts();
    const pid = await startEcho(beta);
    await network.dispose();
    expect(isAlive(pid)).toBe(false);
    const list = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
    const prefix = alpha.namespace.replace(/alpha$/, '');
    expect(list).not.toContain(prefix);
    expect(existsSync(`/etc/netns/${alpha.namespace}`)).toBe(false);
  });
});
