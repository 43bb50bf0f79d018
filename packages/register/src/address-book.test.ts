import type { GatewayEntry } from '@gatewayworker/protocol';
import { expect, test } from 'vitest';
import { AddressBook } from './address-book.ts';

function gatewayAt(address: string, instanceId = 'first'): GatewayEntry {
  return { address, instanceId, gatewayToken: 1, name: 'gateway' };
}

test('lists nobody at first', () => {
  const book = new AddressBook<string>();
  expect(book.list()).toEqual([]);
  expect(book.size).toBe(0);
});

test('lists what links announced', () => {
  const book = new AddressBook<string>();
  book.announce('link 1', gatewayAt('a:1'));
  book.announce('link 2', gatewayAt('b:1'));
  expect(book.list()).toEqual([gatewayAt('a:1'), gatewayAt('b:1')]);
  expect(book.size).toBe(2);
});

test('takes the second announcement of a link for its first', () => {
  const book = new AddressBook<string>();
  book.announce('link', gatewayAt('a:1'));
  book.announce('link', gatewayAt('a:2'));
  expect(book.list()).toEqual([gatewayAt('a:2')]);
  expect(book.size).toBe(1);
});

test('forgets what a link announced, once', () => {
  const book = new AddressBook<string>();
  book.announce('link', gatewayAt('a:1'));
  expect(book.withdraw('link')).toBe(true);
  expect(book.withdraw('link')).toBe(false);
  expect(book.withdraw('stranger')).toBe(false);
  expect(book.list()).toEqual([]);
});

test('lists the newer of two processes at one address', () => {
  const book = new AddressBook<string>();
  book.announce('old', gatewayAt('a:1', 'old process'));
  book.announce('new', gatewayAt('a:1', 'new process'));
  expect(book.list()).toEqual([gatewayAt('a:1', 'new process')]);
});

test('goes on listing the new process when the link of the old one is closed late', () => {
  const book = new AddressBook<string>();
  book.announce('old', gatewayAt('a:1', 'old process'));
  book.announce('new', gatewayAt('a:1', 'new process'));
  expect(book.withdraw('old')).toBe(true);
  expect(book.list()).toEqual([gatewayAt('a:1', 'new process')]);
});

test('tells links apart by identity', () => {
  const book = new AddressBook<object>();
  const [first, second] = [{}, {}];
  book.announce(first, gatewayAt('a:1'));
  expect(book.withdraw(second)).toBe(false);
  expect(book.withdraw(first)).toBe(true);
});

test('answers a list of its own', () => {
  const book = new AddressBook<string>();
  book.announce('link', gatewayAt('a:1'));
  book.list().pop();
  expect(book.list()).toHaveLength(1);
});

test('names another process that has announced the same address, and no other', () => {
  const book = new AddressBook<string>();
  expect(book.announce('one', gatewayAt('a:1', 'one'))).toBe(undefined);
  expect(book.announce('two', gatewayAt('b:1', 'two'))).toBe(undefined);
  // The same process by another link.
  expect(book.announce('again', gatewayAt('a:1', 'one'))).toBe(undefined);
  const rival = { link: 'two', gateway: gatewayAt('b:1', 'two') };
  expect(book.announce('three', gatewayAt('b:1', 'three'))).toEqual(rival);
  book.withdraw('two');
  expect(book.announce('three', gatewayAt('b:1', 'three'))).toBe(undefined);
});
