import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { EtcdClient } from './etcd-client.ts';

const { signal } = new AbortController();

/** Starts an HTTP server until the test ends. Returns its `host:port`. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP address');
  return `127.0.0.1:${address.port}`;
}

function clientOf(endpoint: string, user?: string): EtcdClient {
  const credentials = { user, password: user && 'correct horse' };
  return new EtcdClient({ kind: 'etcd', endpoints: [endpoint], prefix: '/test', ...credentials });
}

test.each([301, 302, 303, 307, 308])(
  'etcd client: fails on status %i and sends no password to the new host',
  async (status) => {
    const received: string[] = [];
    const other = await serve((request, response) => {
      received.push(request.url ?? '');
      response.end(JSON.stringify({ token: 'stolen' }));
    });
    const etcd = await serve((request, response) => {
      response.writeHead(status, { location: `http://${other}${request.url}` }).end();
    });
    const call = clientOf(`http://${etcd}`, 'chat').call('/v3/kv/put', {}, signal);
    await expect(call).rejects.toMatchObject({
      code: 'GW_ERR_CONNECT_TIMEOUT',
      message: `etcd at http://${etcd}: /v3/auth/authenticate is refused with status ${status}`,
    });
    expect(received).toEqual([]);
  },
);

test('etcd client: sends no token to the target of a redirect', async () => {
  const received: IncomingHttpHeaders[] = [];
  const other = await serve((request, response) => {
    received.push(request.headers);
    response.end('{}');
  });
  const etcd = await serve((request, response) => {
    if (request.url === '/v3/auth/authenticate') response.end(JSON.stringify({ token: 'secret' }));
    else response.writeHead(307, { location: `http://${other}${request.url}` }).end();
  });
  const client = clientOf(`http://${etcd}`, 'chat');
  await expect(client.call('/v3/kv/put', {}, signal)).rejects.toThrow('etcd at');
  const stream = client.stream('/v3/watch', {}, signal, () => undefined);
  await expect(stream).rejects.toThrow('etcd at');
  expect(received).toEqual([]);
});

test.each([
  [400, '{"code":3}', 'the user or the password is refused with status 400'],
  [401, '', 'the user or the password is refused with status 401'],
  [403, '{}', '/v3/auth/authenticate is refused with status 403'],
  [503, '{"error":"no leader"}', '/v3/auth/authenticate is refused with status 503'],
  [200, '{}', '/v3/auth/authenticate is answered without a token'],
  [200, '', 'the answer to /v3/auth/authenticate is not JSON'],
])(
  'etcd client: status %i with %j at the login gives an error with the reason',
  async (status, body, why) => {
    const etcd = await serve((_request, response) => response.writeHead(status).end(body));
    const call = clientOf(`http://${etcd}`, 'chat').call('/v3/kv/put', {}, signal);
    await expect(call).rejects.toThrow(`etcd at http://${etcd}: ${why}`);
  },
);

test.each([307, 503])(
  'etcd client: status %i of a call without a login is in the error',
  async (status) => {
    const etcd = await serve((_request, response) => response.writeHead(status).end());
    const call = clientOf(`http://${etcd}`).call('/v3/kv/put', {}, signal);
    await expect(call).rejects.toThrow(`/v3/kv/put is refused with status ${status}`);
  },
);
