import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MembershipIndex } from './membership-index.ts';

test('finds the members of a name', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.add('a', 2);
  index.add('b', 1);
  expect([...(index.get('a') ?? [])]).toEqual([1, 2]);
  expect([...(index.get('b') ?? [])]).toEqual([1]);
  expect(index.get('c')).toBeUndefined();
});

test('counts names, not members', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.add('a', 2);
  expect(index.size).toBe(1);
});

test('holds a member once, however often it is added', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.add('a', 1);
  expect(index.get('a')?.size).toBe(1);
  index.remove('a', 1);
  expect(index.get('a')).toBeUndefined();
});

test('lists the names that have members, and the members of each', () => {
  const index = new MembershipIndex<number>();
  expect([...index.names()]).toEqual([]);
  expect([...index.entries()]).toEqual([]);
  index.add('a', 1);
  index.add('b', 1);
  index.add('a', 2);
  index.add('c', 3);
  index.remove('c', 3);
  expect([...index.names()]).toEqual(['a', 'b']);
  expect([...index.entries()]).toEqual([
    ['a', new Set([1, 2])],
    ['b', new Set([1])],
  ]);
});

test('keeps no name without members', () => {
  const index = new MembershipIndex<number>();
  for (let i = 0; i < 1000; i++) index.add(`room ${i}`, 1);
  for (let i = 0; i < 1000; i++) index.remove(`room ${i}`, 1);
  expect(index.size).toBe(0);
});

test('leaves everything as it is when what is removed is not there', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.remove('a', 2);
  index.remove('b', 1);
  expect(index.size).toBe(1);
  expect(index.get('a')?.has(1)).toBe(true);
});

test('removes a name and answers who was in it', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.add('a', 2);
  expect([...index.removeName('a')]).toEqual([1, 2]);
  expect([...index.removeName('a')]).toEqual([]);
  expect(index.size).toBe(0);
});

test('takes names of objects for names like any other', () => {
  const index = new MembershipIndex<number>();
  expect(index.get('__proto__')).toBeUndefined();
  index.add('constructor', 1);
  expect(index.get('constructor')?.size).toBe(1);
});

test('holds who was added and not removed, whatever the order', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'remove', 'removeName'),
    name: fc.constantFrom('a', 'b', 'c'),
    member: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const index = new MembershipIndex<number>();
      const expected = new Set<string>();
      for (const { what, name, member } of steps) {
        if (what === 'add') {
          index.add(name, member);
          expected.add(`${name}${member}`);
        } else if (what === 'remove') {
          index.remove(name, member);
          expected.delete(`${name}${member}`);
        } else {
          const members = [...index.removeName(name)].map((entry) => `${name}${entry}`);
          const gone = [...expected].filter((entry) => entry.startsWith(name));
          expect(members.toSorted()).toEqual(gone.toSorted());
          for (const entry of gone) expected.delete(entry);
        }
      }
      const found = ['a', 'b', 'c'].flatMap((name) =>
        [...(index.get(name) ?? [])].map((member) => `${name}${member}`),
      );
      expect(found.toSorted()).toEqual([...expected].toSorted());
      expect(index.size).toBe(new Set(found.map((entry) => entry[0])).size);
    }),
  );
});
