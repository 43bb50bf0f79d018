import { expect, test } from 'vitest';
import { resolveImSettings } from '../../apps/im/src/settings.ts';
import { resolveChatSettings } from '../../examples/chat/settings.ts';
import { resolveSettings } from '../../examples/custom-protocol/settings.ts';
import { resolvePushSettings } from '../../examples/http-push/settings.ts';

const examples: Readonly<Record<string, object>> = {
  chat: resolveChatSettings({}),
  'custom-protocol': resolveSettings({}),
  'http-push': resolvePushSettings({ PUSH_KEY: 'x'.repeat(32) }),
  im: resolveImSettings({}),
};

/** Every default port of an example; inner ports are a range of four. */
function portsOf(settings: object): number[] {
  return Object.entries(settings).flatMap(([name, value]) => {
    if (name === 'innerPort') return [0, 1, 2, 3].map((offset) => Number(value) + offset);
    if (name === 'registerAddress') return [Number(String(value).split(':')[1])];
    return /port$/i.test(name) ? [Number(value)] : [];
  });
}

test('examples: no two of them have a default port in common', () => {
  const ports = Object.values(examples).flatMap(portsOf);
  const taken = ports.filter((port, index) => ports.indexOf(port) !== index);
  expect(taken).toEqual([]);
  expect(ports.length).toBeGreaterThan(25);
});
