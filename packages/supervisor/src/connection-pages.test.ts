import { expect, test } from 'vitest';
import { ConnectionPages } from './connection-pages.ts';

test('answers page after page, each made only when it is asked for, and says which is the last', () => {
  const pages = new ConnectionPages();
  let made = 0;
  function* list() {
    for (let page = 0; page < 2; page += 1) {
      made += 1;
      yield [];
    }
  }
  expect(pages.next(1, list)).toEqual({ connections: [], isLast: false });
  expect(made).toBe(1);
  expect(pages.next(1, list).isLast).toBe(false);
  expect(pages.next(1, list)).toEqual({ connections: [], isLast: true });
  expect(made).toBe(2);
});

test('reads several lists at a time, and forgets one that nobody reads on', () => {
  const pages = new ConnectionPages();
  expect(pages.next(1, () => [[], []]).isLast).toBe(false);
  expect(pages.next(2, () => []).isLast).toBe(true);
  pages.forget(1);
  expect(pages.next(1, () => []).isLast).toBe(true);
});
