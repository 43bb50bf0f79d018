import { expect, test } from 'vitest';
import { listFiles, readText } from './repository.ts';

/** An upper bound of a time that passed: a busy machine needs longer, whatever the code does. */
const timeBound =
  /expect\((?:(?:performance|Date)\.now\(\) - |(?:seconds|elapsed\w*|took\w*)\)).*toBeLess\w*\(/;

test('tests: assert no upper bound of a time that has passed', () => {
  const found = listFiles(/\.test\.ts$/).flatMap((path) =>
    readText(path)
      .split('\n')
      .filter((line) => timeBound.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});
