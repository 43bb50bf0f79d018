import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  eventually,
  freePorts,
  openClient,
  startCluster,
  temporaryFolder,
} from '@gatewayworker/testing';
import { expect, onTestFinished, test } from 'vitest';

const readme = new URL('../../README.md', import.meta.url);

/** The code block of README.md that begins with a comment naming the file. */
async function codeBlock(name: string): Promise<string> {
  const text = await readFile(readme, 'utf8');
  const code = text.split('```ts\n').find((block) => block.startsWith(`// ${name}\n`));
  return code?.split('\n```')[0] ?? '';
}

test('the two files that README shows run as they stand there', async () => {
  const [register, gateway = 0, inner, another] = await freePorts(4);
  expect(another).toBe((inner ?? 0) + 1);
  const folder = await temporaryFolder('readme');
  onTestFinished(() => folder.dispose());
  const start = (await codeBlock('start.ts'))
    .replaceAll('1236', String(register))
    .replaceAll('8282', String(gateway))
    .replaceAll('2900', String(inner));
  await writeFile(join(folder.path, 'start.ts'), start);
  await writeFile(join(folder.path, 'events.ts'), await codeBlock('events.ts'));
  const cluster = await startCluster({ file: join(folder.path, 'start.ts') });
  onTestFinished(() => cluster.dispose());
  const first = await openClient(gateway);
  const second = await openClient(gateway);
  const ids = [await first.nextJson(), await second.nextJson()];
  expect(ids).toMatchObject([{ type: 'init' }, { type: 'init' }]);
  // A client is in the room once it has said something.
  second.send('I am here');
  await eventually(() => {
    first.send('hello');
    return second.messages.includes('hello');
  });
  await first.close();
  await eventually(() => second.messages.includes('Tom left'));
  second.terminate();
  expect(await cluster.stop()).toBe(0);
});
