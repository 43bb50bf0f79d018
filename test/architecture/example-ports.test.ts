import { expect, test } from 'vitest';
import { resolveImSettings } from '../../apps/im/src/settings.ts';
import { resolveChatSettings } from '../../examples/chat/settings.ts';
import { resolveSettings } from '../../examples/custom-protocol/settings.ts';
import { resolvePushSettings } from '../../examples/http-push/settings.ts';
import { listFiles, readText } from './repository.ts';

const settings: Readonly<Record<string, object>> = {
  'apps/im': resolveImSettings({}),
  'examples/chat': resolveChatSettings({}),
  'examples/custom-protocol': resolveSettings({}),
  'examples/http-push': resolvePushSettings({ PUSH_KEY: 'x'.repeat(32) }),
};

/** The small examples have their ports in the start file: `LOGIN_PORT = '8287'`. */
function readPorts(startFile: string): Record<string, string> {
  const ports = readText(startFile).matchAll(/\b[A-Z]+_(\w*PORT) = '(\d+)'/g);
  return Object.fromEntries([...ports].map(([, name, port]) => [String(name), String(port)]));
}

/** Every default port of an example; inner ports are a range of four. */
function portsOf(example: object): number[] {
  return Object.entries(example).flatMap(([name, value]) => {
    if (/^inner_?port$/i.test(name)) return [0, 1, 2, 3].map((offset) => Number(value) + offset);
    if (name === 'registerAddress') return [Number(String(value).split(':')[1])];
    return /port$/i.test(name) ? [Number(value)] : [];
  });
}

test('examples: no two have a default port in common', () => {
  const startFiles = listFiles(/^(?:examples|apps)\/[^/]+\/start\.ts$/);
  const ports = startFiles.flatMap((file) => {
    const example = portsOf(settings[file.replace('/start.ts', '')] ?? readPorts(file));
    // A register, a gateway and its inner ports.
    expect(example.length, file).toBeGreaterThanOrEqual(6);
    return example;
  });
  const taken = ports.filter((port, index) => ports.indexOf(port) !== index);
  expect(taken).toEqual([]);
  expect(startFiles.length).toBeGreaterThanOrEqual(10);
});
