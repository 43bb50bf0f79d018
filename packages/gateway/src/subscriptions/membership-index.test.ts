import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MembershipIndex } from './membership-index.ts';

test('membership index: finds the members of a name', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.add('a', 2);
  index.add('b', 1);
  expect([...(index.get('a') ?? [])]).toEqual([1, 2]);
  expect([...(index.get('b') ?? [])]).toEqual([1]);
  expect(index.get('c')).toBeUndefined();
});

test('membership index: size counts names, not members', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.add('a', 2);
  expect(index.size).toBe(1);
});

test('membership index: adding a member twice has no effect', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.add('a', 1);
  expect(index.get('a')?.size).toBe(1);
  index.remove('a', 1);
  expect(index.get('a')).toBeUndefined();
});

test('membership index: lists names and their members', () => {
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

test('membership index: removes names without members', () => {
  const index = new MembershipIndex<number>();
  for (let i = 0; i < 1000; i++) index.add(`room ${i}`, 1);
  for (let i = 0; i < 1000; i++) index.remove(`room ${i}`, 1);
  expect(index.size).toBe(0);
});

test('membership index: removing an unknown member has no effect', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.remove('a', 2);
  index.remove('b', 1);
  expect(index.size).toBe(1);
  expect(index.get('a')?.has(1)).toBe(true);
});

test('membership index: removeName returns the members', () => {
  const index = new MembershipIndex<number>();
  index.add('a', 1);
  index.add('a', 2);
  expect([...index.removeName('a')]).toEqual([1, 2]);
  expect([...index.removeName('a')]).toEqual([]);
  expect(index.size).toBe(0);
});

test('membership index: names of object properties are ordinary names', () => {
  const index = new MembershipIndex<number>();
  expect(index.get('__proto__')).toBeUndefined();
  index.add('constructor', 1);
  expect(index.get('constructor')?.size).toBe(1);
});

test('membership index: has the added and not removed members, in any order', () => {
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
          const removed = [...expected].filter((entry) => entry.startsWith(name));
          expect(members.toSorted()).toEqual(removed.toSorted());
          for (const entry of removed) expected.delete(entry);
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
