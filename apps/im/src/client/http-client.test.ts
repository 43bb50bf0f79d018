import { createServer, type RequestListener } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { HttpClient } from './http-client.ts';

/** Starts an HTTP server on a free port for the duration of the test; returns its address. */
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

test('HTTP client: a redirect is rejected, the password is not sent to its host', async () => {
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
