import { createServer, type RequestListener } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { HttpClient } from './http-client.ts';

/** An HTTP server on a free port, ended with the test; answers its address. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP address');
  return `http://127.0.0.1:${address.port}`;
}

test('HTTP client: sends no password to the host that a redirect names', async () => {
  const received: string[] = [];
  const other = await serve((request, response) => {
    received.push(request.url ?? '');
    response.end('{}');
  });
  const messenger = await serve((request, response) => {
    response.writeHead(307, { location: `${other}${request.url}` }).end();
  });
  const login = new HttpClient(messenger).post('/api/login', { login: 'ann', password: 'secret' });
  await expect(login).rejects.toThrow(TypeError);
  expect(received).toEqual([]);
});
