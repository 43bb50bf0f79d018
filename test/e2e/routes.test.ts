import { fileURLToPath } from 'node:url';
import {
  eventually,
  freePorts,
  openClient,
  requestRefusedHandshake,
  runCommand,
  startCluster,
  type TestClient,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const file = fileURLToPath(new URL('./fixtures/dist/routes/start.js', import.meta.url));

test('routes: two applications by path, a crash of one leaves the other alone', async () => {
  const [registerPort = 0, port = 0] = await freePorts(2);
  const folder = await temporaryFolder('routes');
  const env = {
    REGISTER_PORT: String(registerPort),
    GATEWAY_PORT: String(port),
    RUN_FOLDER: folder.path,
  };
  const cluster = await startCluster({ file, env });
  onTestFinished(async () => {
    await cluster.dispose();
    await folder.dispose();
  });
  const open = async (path: string): Promise<{ client: TestClient; pid: number }> => {
    const client = await openClient(port, path);
    onTestFinished(() => client.terminate());
    const [name, pid] = String(await client.next()).split(' ');
    expect(name).toBe(path.startsWith('/chat') ? 'chat-worker#0' : 'game-worker#0');
    return { client, pid: Number(pid) };
  };
  const [chat, game] = [await open('/chat/room1'), await open('/game?level=1')];
  expect(chat.pid).not.toBe(game.pid);
  expect((await requestRefusedHandshake(port, '/')).status).toBe(404);

  chat.client.send('hang');
  // Both events go to the next worker of the chat.
  chat.client.send('behind');
  await chat.client.ping();
  process.kill(chat.pid, 'SIGKILL');
  game.client.send('on');
  expect(await game.client.next()).toBe('game-worker#0 on');
  const next = await eventually(() => open('/chat'));
  expect(next.pid).not.toBe(chat.pid);
  for (const text of ['hang', 'behind']) {
    expect(await chat.client.next()).toBe(`chat-worker#0 ${text} again`);
  }

  next.client.send('all');
  for (const { client } of [chat, game, next]) expect(await client.next()).toBe('to all');

  const reload = await runCommand(file, ['reload'], { env });
  expect(reload.stdout).toContain('Reloaded.');
  for (const { client } of [next, game]) client.send('after');
  expect(await next.client.next()).toBe('chat-worker#0 after');
  expect(await game.client.next()).toBe('game-worker#0 after');
  for (const path of ['/chat', '/game']) {
    expect([chat.pid, game.pid, next.pid]).not.toContain((await open(path)).pid);
  }
  expect(await cluster.stop()).toBe(0);
});
