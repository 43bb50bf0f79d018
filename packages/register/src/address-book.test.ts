import type { GatewayEntry } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { AddressBook } from './address-book.ts';

function gatewayAt(address: string, instanceId = 'first'): GatewayEntry {
  return { address, instanceId, gatewayToken: 1, name: 'gateway' };
}

test('address book: is empty at first', () => {
  const book = new AddressBook<string>();
  expect(book.list()).toEqual([]);
  expect(book.size).toBe(0);
});

test('address book: lists the announcements of all links', () => {
  const book = new AddressBook<string>();
  book.announce('link 1', gatewayAt('a:1'));
  book.announce('link 2', gatewayAt('b:1'));
  expect(book.list()).toEqual([gatewayAt('a:1'), gatewayAt('b:1')]);
  expect(book.size).toBe(2);
});

test('address book: a second announcement of a link replaces the first', () => {
  const book = new AddressBook<string>();
  book.announce('link', gatewayAt('a:1'));
  book.announce('link', gatewayAt('a:2'));
  expect(book.list()).toEqual([gatewayAt('a:2')]);
  expect(book.size).toBe(1);
});

test('address book: withdraw removes the announcement of its link only', () => {
  const book = new AddressBook<string>();
  book.announce('link', gatewayAt('a:1'));
  expect(book.withdraw('link')).toBe(true);
  expect(book.withdraw('link')).toBe(false);
  expect(book.withdraw('other link')).toBe(false);
  expect(book.list()).toEqual([]);
});

test('address book: for one address the newer process is listed', () => {
  const book = new AddressBook<string>();
  book.announce('old', gatewayAt('a:1', 'old process'));
  book.announce('new', gatewayAt('a:1', 'new process'));
  expect(book.list()).toEqual([gatewayAt('a:1', 'new process')]);
});

test('address book: withdrawing the older process keeps the newer one', () => {
  const book = new AddressBook<string>();
  book.announce('old', gatewayAt('a:1', 'old process'));
  book.announce('new', gatewayAt('a:1', 'new process'));
  expect(book.withdraw('old')).toBe(true);
  expect(book.list()).toEqual([gatewayAt('a:1', 'new process')]);
});

test('address book: links are compared by identity', () => {
  const book = new AddressBook<object>();
  const [first, second] = [{}, {}];
  book.announce(first, gatewayAt('a:1'));
  expect(book.withdraw(second)).toBe(false);
  expect(book.withdraw(first)).toBe(true);
});

test('address book: list returns a copy', () => {
  const book = new AddressBook<string>();
  book.announce('link', gatewayAt('a:1'));
  book.list().pop();
  expect(book.list()).toHaveLength(1);
});

test('address book: announce returns another process at the same address', () => {
  const book = new AddressBook<string>();
  expect(book.announce('one', gatewayAt('a:1', 'one'))).toBe(undefined);
  expect(book.announce('two', gatewayAt('b:1', 'two'))).toBe(undefined);
  // The same process, on another link.
  expect(book.announce('again', gatewayAt('a:1', 'one'))).toBe(undefined);
  const conflict = { link: 'two', gateway: gatewayAt('b:1', 'two') };
  expect(book.announce('three', gatewayAt('b:1', 'three'))).toEqual(conflict);
  book.withdraw('two');
  expect(book.announce('three', gatewayAt('b:1', 'three'))).toBe(undefined);
});
