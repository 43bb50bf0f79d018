import { expect, onTestFinished, test } from 'vitest';
import { terminalWidth } from './terminal.ts';

/** Gives the standard output other properties until the test ends. */
function pretend(properties: { readonly isTTY: boolean; readonly columns: number }): void {
  for (const [name, value] of Object.entries(properties)) {
    const before = Object.getOwnPropertyDescriptor(process.stdout, name);
    Object.defineProperty(process.stdout, name, { value, configurable: true });
    onTestFinished(() => {
      if (before === undefined) Reflect.deleteProperty(process.stdout, name);
      else Object.defineProperty(process.stdout, name, before);
    });
  }
}

test.each([
  [{ isTTY: true, columns: 80 }, 80],
  [{ isTTY: true, columns: 0 }, undefined],
  [{ isTTY: false, columns: 80 }, undefined],
])('terminal width: of %j is %j', (properties, width) => {
  pretend(properties);
  expect(terminalWidth()).toBe(width);
});
