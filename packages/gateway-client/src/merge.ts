import type { UidPresence } from '@gatewayworker/protocol';
import type { UidState } from './gateway-query-api.ts';

/** Merges the answers of the gateways, in any order, into one. */
export type Merge<T, R> = (answers: readonly T[]) => R;

/** True if one of the answers is true. */
export function anyTrue(answers: readonly boolean[]): boolean {
  return answers.includes(true);
}

/** The sum of counts of disjoint sets. */
export function sum(answers: readonly number[]): number {
  return answers.reduce((total, answer) => total + answer, 0);
}

/** Concatenates disjoint lists. */
export function concatenate(answers: readonly (readonly string[])[]): string[] {
  return answers.flat();
}

/** Concatenates lists and removes duplicates. */
export function unique(answers: readonly (readonly string[])[]): string[] {
  return [...new Set(answers.flat())];
}

/** Number of different entries of the lists. */
export function countUnique(answers: readonly (readonly string[])[]): number {
  return new Set(answers.flat()).size;
}

/** The state of a uid, from what each gateway knows. The age of the last connection becomes a time of this process. */
export function toUidState(answers: readonly UidPresence[]): UidState {
  if (answers.some(({ isOnline }) => isOnline)) return { state: 'online', lastSeen: undefined };
  const ages = answers.map(({ agoMs }) => agoMs).filter((agoMs) => agoMs !== undefined);
  const lastSeen = ages.length === 0 ? undefined : new Date(Date.now() - Math.min(...ages));
  return { state: answers.some(({ isParked }) => isParked) ? 'away' : 'offline', lastSeen };
}

/** Builds a map from lists of pairs with disjoint keys. */
export function toMap<T>(answers: readonly (readonly (readonly [string, T])[])[]): Map<string, T> {
  return new Map(answers.flat());
}

/** Merges lists of pairs key by key: `merge` gets all values of a key. */
export function mergePairs<T, R>(
  merge: Merge<T, R>,
): Merge<readonly (readonly [string, T])[], Map<string, R>> {
  return (answers) => {
    const byKey = new Map<string, T[]>();
    for (const [key, value] of answers.flat()) {
      const values = byKey.get(key);
      if (values === undefined) byKey.set(key, [value]);
      else values.push(value);
    }
    return new Map(Array.from(byKey, ([key, values]) => [key, merge(values)]));
  };
}

/** Merges lists whose entries are in the order of these keys. The map contains every key. */
export function mergeByKey<T, R>(
  keys: readonly string[],
  merge: Merge<T, R>,
): Merge<readonly T[], Map<string, R>> {
  return (answers) =>
    new Map(
      keys.map((key, index) => [
        key,
        merge(answers.flatMap((list) => list.slice(index, index + 1))),
      ]),
    );
}
